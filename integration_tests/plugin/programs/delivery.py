"""A bucket with all its settings, and delivery streams into it."""

import pulumi
import pulumi_aws as aws

from integration_tests.plugin.programs.policies import policy, trust


def program(bucket_name: str, version: int = 1) -> None:
    second = version == 2

    bucket = aws.s3.Bucket("bucket", bucket=bucket_name, force_destroy=True, tags={"version": str(version)})
    key = aws.kms.Key("key", description=f"version {version}", enable_key_rotation=True, deletion_window_in_days=7)
    aws.kms.Alias("alias", name="alias/lake", target_key_id=key.key_id)
    versioning = aws.s3.BucketVersioning(
        "versioning", bucket=bucket.bucket, versioning_configuration={"status": "Enabled"}
    )
    aws.s3.BucketPublicAccessBlock(
        "public",
        bucket=bucket.bucket,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=second,
    )
    encryption = {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}
    aws.s3.BucketServerSideEncryptionConfiguration(
        "encryption",
        bucket=bucket.bucket,
        rules=[{"apply_server_side_encryption_by_default": encryption, "bucket_key_enabled": True}],
    )
    aws.s3.BucketLifecycleConfiguration(
        "lifecycle",
        bucket=bucket.bucket,
        rules=[
            {"id": "old", "status": "Enabled", "expiration": {"days": 60 if second else 30}},
            {
                "id": "raw",
                "status": "Enabled",
                "filter": {"prefix": "raw/"},
                "transitions": [{"days": 30, "storage_class": "GLACIER"}],
                "abort_incomplete_multipart_upload": {"days_after_initiation": 7},
            },
        ],
    )
    aws.s3.BucketOwnershipControls("ownership", bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"})
    aws.s3.BucketPolicy(
        "bucket-policy",
        bucket=bucket.bucket,
        policy=bucket.arn.apply(
            lambda arn: policy(
                {"Principal": {"AWS": "222222222222"}, "Action": "s3:GetObject", "Resource": f"{arn}/v{version}/*"}
            )
        ),
    )
    aws.s3.BucketMetric("metric", bucket=bucket.bucket, name="errors", filter={"prefix": f"errors/v{version}/"})
    aws.s3.BucketObjectv2(
        "object",
        bucket=bucket.bucket,
        key="readme",
        content=f"version {version}",
        opts=pulumi.ResourceOptions(depends_on=[versioning]),
    )
    role = aws.iam.Role(
        "role",
        assume_role_policy=trust("firehose.amazonaws.com"),
        inline_policies=[{"name": "write", "policy": policy({"Action": ["s3:*", "kinesis:*"], "Resource": "*"})}],
    )
    destination = {
        "bucket_arn": bucket.arn,
        "role_arn": role.arn,
        "prefix": f"v{version}/",
        "error_output_prefix": "errors/",
        "buffering_size": 64 if second else 5,
        "buffering_interval": 60,
        "compression_format": "GZIP",
        "kms_key_arn": key.arn,
    }
    aws.kinesis.FirehoseDeliveryStream(
        "delivery", name="lake", destination="extended_s3", extended_s3_configuration=destination
    )
    stream = aws.kinesis.Stream("stream", name="raw", shard_count=1)
    aws.kinesis.FirehoseDeliveryStream(
        "copy",
        destination="extended_s3",
        extended_s3_configuration={"bucket_arn": bucket.arn, "role_arn": role.arn},
        kinesis_source_configuration={"kinesis_stream_arn": stream.arn, "role_arn": role.arn},
    )
