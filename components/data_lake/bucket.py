"""The lake's bucket, whom it lets in, and its copy in another Region."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.bucket import PrivateBucket, PrivateBucketArgs
from components.data_lake.grants import lets, lets_through_s3
from components.data_lake.layout import Layout
from components.data_lake.prefixes import CHANGES_FILTER, ERRORS_FILTER, static_part
from components.data_lake.store_settings import Bucket, ReplicaBucket
from components.key import EncryptionKey, EncryptionKeyArgs
from components.policies import Statement, document, statement, trusts_service, uses_key
from components.regions import partition_of

# What a delivery stream does with a bucket of another account.
# https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#cross-account-delivery-s3
BUCKET_ACTIONS = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
OBJECT_ACTIONS = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html: uploads in parts decrypt as well
KEY_ACTIONS = ["kms:Decrypt", "kms:GenerateDataKey"]


@dataclass(frozen=True, kw_only=True)
class LakeBucketArgs:
    """`writer_role_arn` is the delivery stream's role when that is another account's; it need not exist yet."""

    settings: Bucket
    layout: Layout
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str
    force_destroy: bool
    writer_role_arn: str | None = None


class LakeBucket(pulumi.ComponentResource):
    """A bucket that takes only what is encrypted with its own key, and keeps old versions and errors for a while."""

    bucket: PrivateBucket
    replica_name: pulumi.Output[str] | None

    def __init__(self, name: str, args: LakeBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:LakeBucket", name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        writer = args.writer_role_arn

        def grants(bucket_arn: pulumi.Output[str]) -> list[Statement]:
            return [] if writer is None else lets_deliver(writer, bucket_arn, args.layout)

        self.bucket = PrivateBucket(
            name,
            PrivateBucketArgs(
                key_arn=args.key_arn,
                bucket_name=args.settings.name,
                old_version_days=args.settings.keep_old_versions_days,
                expire_prefix_days={static_part(args.layout.error_prefix): args.settings.keep_errors_days},
                only_with_key=True,
                force_destroy=args.force_destroy,
                grants=grants,
            ),
            self._child,
        )
        for filter_id, prefix in (
            (CHANGES_FILTER, args.layout.prefix),
            (ERRORS_FILTER, args.layout.error_prefix),
        ):
            aws.s3.BucketMetric(
                f"{name}-{filter_id}-metric",
                bucket=self.bucket.name,
                name=filter_id,
                filter={"prefix": static_part(prefix)},
                opts=self._child,
            )
        replica = args.settings.replica
        self.replica_name = self._replica(name, args, replica) if replica else None
        self.register_outputs({"name": self.bucket.name, "arn": self.bucket.arn})

    def _replica(self, name: str, args: LakeBucketArgs, replica: ReplicaBucket) -> pulumi.Output[str]:
        """The copy, with a key of its Region, and the role that copies.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html
        """
        key = EncryptionKey(
            f"{name}-replica",
            EncryptionKeyArgs(
                description=f"Copy of the lake {name}",
                account_id=args.account_id,
                partition=partition_of(replica.region),
                region=replica.region,
                deletion_protection=not args.force_destroy,
            ),
            self._child,
        )
        copy = PrivateBucket(
            f"{name}-replica",
            PrivateBucketArgs(
                key_arn=key.arn,
                bucket_name=replica.name,
                old_version_days=args.settings.keep_old_versions_days,
                force_destroy=args.force_destroy,
                region=replica.region,
            ),
            self._child,
        )
        role = aws.iam.Role(
            f"{name}-replication-role",
            assume_role_policy=trusts_service("s3", args.account_id),
            opts=self._child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-replication-policy",
            role=role.name,
            policy=document(
                [
                    statement(["s3:GetReplicationConfiguration", "s3:ListBucket"], self.bucket.arn),
                    statement(
                        [
                            "s3:GetObjectVersionAcl",
                            "s3:GetObjectVersionForReplication",
                            "s3:GetObjectVersionTagging",
                        ],
                        pulumi.Output.concat(self.bucket.arn, "/*"),
                    ),
                    statement(
                        ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
                        pulumi.Output.concat(copy.arn, "/*"),
                    ),
                    uses_key(args.key_arn, ["Decrypt"], "s3", args.region),
                    # With bucket keys the copy asks for data keys, too.
                    uses_key(key.arn, ["Encrypt", "GenerateDataKey"], "s3", replica.region),
                ]
            ),
            opts=self._child,
        )
        aws.s3.BucketReplicationConfig(
            f"{name}-replication",
            bucket=self.bucket.name,
            role=role.arn,
            rules=[
                {
                    "id": "everything",
                    "status": "Enabled",
                    "priority": 0,
                    "filter": {"prefix": ""},
                    "delete_marker_replication": {"status": "Enabled"},
                    "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
                    "destination": {
                        "bucket": copy.arn,
                        "encryption_configuration": {"replica_kms_key_id": key.arn},
                    },
                }
            ],
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[policy, self.bucket.versioning, copy.versioning, *copy.ready]
            ),
        )
        return copy.name


def lets_deliver(role_arn: str, bucket_arn: pulumi.Input[str], layout: Layout) -> list[Statement]:
    """For the bucket's policy: one role of another account may write under the prefixes."""
    folders = dict.fromkeys(static_part(prefix) for prefix in (layout.prefix, layout.error_prefix))
    return [
        lets(role_arn, BUCKET_ACTIONS, bucket_arn),
        lets(role_arn, OBJECT_ACTIONS, [pulumi.Output.concat(bucket_arn, "/", folder, "*") for folder in folders]),
    ]


def lets_encrypt(role_arn: str, region: str) -> Statement:
    """For the key's policy: the same role may use it, for objects of this Region's buckets only."""
    return lets_through_s3(role_arn, KEY_ACTIONS, region)
