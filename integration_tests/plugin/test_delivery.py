"""A bucket with all its settings, and a delivery stream into it."""

from collections.abc import Callable

import pulumi
import pulumi_aws as aws
import pytest

from integration_tests.plugin.conftest import Deployed, policy, trust

pytestmark = pytest.mark.local

SETTINGS = ("versioning", "public", "encryption", "lifecycle", "ownership", "bucket-policy", "object")
EVERYTHING = ("bucket", "key", "alias", *SETTINGS, "role", "delivery", "copy", "stream")


def program(bucket_name: str, version: int = 1) -> Callable[[], None]:
    second = version == 2

    def deploy() -> None:
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
        aws.s3.BucketOwnershipControls(
            "ownership", bucket=bucket.bucket, rule={"object_ownership": "BucketOwnerEnforced"}
        )
        aws.s3.BucketPolicy(
            "bucket-policy",
            bucket=bucket.bucket,
            policy=bucket.arn.apply(
                lambda arn: policy(
                    {"Principal": {"AWS": "222222222222"}, "Action": "s3:GetObject", "Resource": f"{arn}/v{version}/*"}
                )
            ),
        )
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

    return deploy


def test_a_whole_life(stack: Callable[..., Deployed]) -> None:
    deployed = stack()
    s3, firehose = deployed.clients.s3, deployed.clients.firehose
    name = f"lake-{deployed.account}"

    assert deployed.up(program(name)) == dict.fromkeys(EVERYTHING, "create")
    assert s3.get_object(Bucket=name, Key="readme")["Body"].read() == b"version 1"
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert [rule["ID"] for rule in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]] == ["old", "raw"]
    assert deployed.up(program(name)) == {}
    assert deployed.refresh() == {}

    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    assert deployed.refresh() == {"public": "update", "ownership": "update"}

    changed = {"bucket", "key", "public", "ownership", "lifecycle", "bucket-policy", "object", "delivery"}
    assert deployed.up(program(name, 2)) == dict.fromkeys(changed, "update")
    assert s3.get_object(Bucket=name, Key="readme")["Body"].read() == b"version 2"
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    described = firehose.describe_delivery_stream(DeliveryStreamName="lake")["DeliveryStreamDescription"]
    destination = described["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert destination["Prefix"] == "v2/"
    assert destination["BufferingHints"] == {"SizeInMBs": 64, "IntervalInSeconds": 60}
    assert destination["CompressionFormat"] == "GZIP"
    assert deployed.refresh() == {}

    assert deployed.destroy() == dict.fromkeys(EVERYTHING, "delete")
    assert s3.list_buckets()["Buckets"] == []
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == []
