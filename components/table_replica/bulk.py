"""What works on a replica beyond one machine: a bucket for exports of both tables, and what reads them."""

from dataclasses import dataclass

import pulumi

from components.bucket import PrivateBucket, PrivateBucketArgs
from components.distributed_backfill import BackfillerArgs, DistributedBackfill, DistributedBackfillArgs
from components.policies import Statement, account_root, via_service
from components.querying import Querying, QueryingArgs
from components.regions import partition_of
from components.table_replica.settings import BulkSettings

# Both tables' exports; a replica in another account may write here and nowhere else.
EXPORTS = "exports/"
# What an export does as its caller, in the bucket and with the bucket's key.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/S3DataExport_Requesting.html
EXPORT_ACTIONS = ["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl"]
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html: uploads in parts decrypt as well
KEY_ACTIONS = ["kms:Decrypt", "kms:GenerateDataKey"]


@dataclass(frozen=True, kw_only=True)
class BulkArgs:
    """`far_account_id` is the replica's account when that is another one; its tables are exported to here too.

    `backfiller` says as what the function that writes rows reaches the replica.
    """

    settings: BulkSettings
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str
    force_destroy: bool
    far_account_id: pulumi.Input[str] | None = None
    backfiller: BackfillerArgs


class BulkOperations(pulumi.ComponentResource):
    """The export bucket of a replica, and what compares the exports."""

    def __init__(self, name: str, args: BulkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:BulkOperations", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        def grants(bucket_arn: pulumi.Input[str]) -> list[Statement]:
            return [] if args.far_account_id is None else [lets_export(args.far_account_id, bucket_arn, args.region)]

        exports = PrivateBucket(
            f"{name}-exports",
            PrivateBucketArgs(
                key_arn=args.key_arn,
                expire_days=args.settings.keep_exports_days,
                force_destroy=args.force_destroy,
                grants=grants,
            ),
            child,
        )

        querying = Querying(
            name,
            QueryingArgs(bucket_name=exports.name, key_arn=args.key_arn, scan_limit_gb=args.settings.scan_limit_gb),
            child,
        )

        backfill = DistributedBackfill(
            f"{name}-backfill",
            DistributedBackfillArgs(
                backfiller=args.backfiller,
                exports=exports,
                exports_prefix=EXPORTS,
                key_arn=args.key_arn,
                account_id=args.account_id,
                region=args.region,
            ),
            child,
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            **backfill.outputs,
            "maximumConcurrency": args.settings.maximum_concurrency,
            "exportBucketName": exports.name,
            "exportKeyArn": args.key_arn,
            **querying.outputs,
        }
        self.register_outputs(self.outputs)


def lets_export(account_id: pulumi.Input[str], bucket_arn: pulumi.Input[str], region: str) -> Statement:
    """For the bucket's policy: whom the other account's IAM allows it may write exports."""
    return {
        "Effect": "Allow",
        "Principal": {"AWS": account_root(account_id, partition_of(region))},
        "Action": EXPORT_ACTIONS,
        "Resource": pulumi.Output.concat(bucket_arn, "/", EXPORTS, "*"),
    }


def lets_encrypt(account_id: pulumi.Input[str], region: str) -> Statement:
    """For the key's policy: the same principals may use it, for objects in this Region's buckets only.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
    """
    return {
        "Effect": "Allow",
        "Principal": {"AWS": account_root(account_id, partition_of(region))},
        "Action": KEY_ACTIONS,
        "Resource": "*",  # in a key policy: this key
        "Condition": via_service("s3", region),
    }
