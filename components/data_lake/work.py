"""The bucket of what is neither the lake nor the table: exports, how far their files are, rows to compare, results."""

from dataclasses import dataclass

import pulumi

from components.bucket import PrivateBucket, PrivateBucketArgs
from components.data_lake.grants import lets, lets_through_s3
from components.data_lake.prefixes import EXPORTED_ROWS
from components.policies import Statement

# Exports of the table, where the table is: see operations/instruments/exporting.py.
EXPORTS = "exports/"
# Objects of one call: what is written in parts decrypts as well.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
ROW_ACTIONS, ROW_KEY_ACTIONS = ["s3:PutObject"], ["kms:GenerateDataKey"]


@dataclass(frozen=True, kw_only=True)
class WorkBucketArgs:
    """Objects are deleted after `keep_days`. `row_writer_arn` is a role of another account that may bring rows."""

    key_arn: pulumi.Input[str]
    keep_days: int
    force_destroy: bool
    row_writer_arn: str | None = None


def work_bucket(name: str, args: WorkBucketArgs, opts: pulumi.ResourceOptions) -> PrivateBucket:
    """The bucket; nothing in it that is not in the lake or the table as well."""
    writer = args.row_writer_arn

    def grants(bucket_arn: pulumi.Output[str]) -> list[Statement]:
        if writer is None:
            return []
        return [lets(writer, ROW_ACTIONS, pulumi.Output.concat(bucket_arn, "/", EXPORTED_ROWS, "*"))]

    return PrivateBucket(
        f"{name}-work",
        PrivateBucketArgs(
            key_arn=args.key_arn, expire_days=args.keep_days, force_destroy=args.force_destroy, grants=grants
        ),
        opts,
    )


def lets_encrypt_rows(role_arn: str, region: str) -> Statement:
    """For the key's policy: the role that brings rows may encrypt them, for this Region's buckets only."""
    return lets_through_s3(role_arn, ROW_KEY_ACTIONS, region)
