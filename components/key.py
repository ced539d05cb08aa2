"""The customer key of one side of an architecture."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policies import Statement, account_root, document


@dataclass(frozen=True, kw_only=True)
class EncryptionKeyArgs:
    """`statements` are added to the key policy, for principals that IAM of this account does not govern.

    Without the key nobody reads what it encrypted: `deletion_protection` is that of the data.
    """

    description: str
    account_id: pulumi.Input[str]
    partition: str
    statements: list[dict[str, object]] | None = None
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
            opts=child,
        )
        aws.kms.Alias(f"{name}-alias", name=f"alias/tributary/{name}", target_key_id=key.id, opts=child)

        self.arn = key.arn
        self.register_outputs({"arn": self.arn})
