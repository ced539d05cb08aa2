"""The customer key of one side of an architecture."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policies import Statement, account_root, document
from components.regions import partition_of, service_principal


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """`statements` are added to the key policy, for principals that IAM of this account does not govern.

    `alias` is `alias/tributary/<name>` when left out; `region` is the stack's.
    Without the key nobody reads what it encrypted: `deletion_protection` is that of the data.
    """

    description: str
    account_id: pulumi.Input[str]
    partition: str
    statements: list[dict[str, object]] | None = None
    alias: str | None = None
    region: str | None = None
    deletion_protection: bool = True


class EncryptionKey(pulumi.ComponentResource):
    """A rotated symmetric key whose use is governed by the IAM policies of its own account."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: EncryptionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        protected = pulumi.ResourceOptions(protect=args.deletion_protection)
        super().__init__("tributary:index:EncryptionKey", name, None, pulumi.ResourceOptions.merge(opts, protected))
        child = pulumi.ResourceOptions(parent=self)

        # Without this statement nobody, not even the account's administrators, could use or change the key.
        # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
        delegates_to_iam: Statement = {
            "Effect": "Allow",
            "Principal": {"AWS": account_root(args.account_id, args.partition)},
            "Action": "kms:*",
            "Resource": "*",  # in a key policy: this key
        }
        key = aws.kms.Key(
            f"{name}-key",
            description=args.description,
            enable_key_rotation=True,
            # The shortest wait that KMS allows, so that a key deleted by mistake can still be brought back for a week.
            deletion_window_in_days=7,
            policy=document([delegates_to_iam, *(args.statements or [])]),
            region=args.region,
            opts=child,
        )
        alias = args.alias or f"alias/tributary/{name}"
        aws.kms.Alias(f"{name}-alias", name=alias, target_key_id=key.id, region=args.region, opts=child)

        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


def lets_logs_encrypt(groups: Sequence[str], account_id: pulumi.Input[str], region: str) -> Statement:
    """For the key's policy: CloudWatch Logs may use it for these log groups, which it does as itself.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    arns = [
        pulumi.Output.concat(f"arn:{partition_of(region)}:logs:{region}:", account_id, ":log-group:", group)
        for group in groups
    ]
    return {
        "Effect": "Allow",
        "Principal": {"Service": service_principal(f"logs.{region}")},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        "Resource": "*",  # in a key policy: this key
        "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arns}},
    }
