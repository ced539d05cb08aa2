"""A bucket with all its settings, and a delivery stream into it."""

from collections.abc import Callable

import pytest

from integration_tests.plugin.conftest import Deployed
from integration_tests.plugin.programs import delivery

pytestmark = pytest.mark.local

SETTINGS = ("versioning", "public", "encryption", "lifecycle", "ownership", "bucket-policy", "metric", "object")
EVERYTHING = ("bucket", "key", "alias", *SETTINGS, "role", "delivery", "copy", "stream")


def test_a_whole_life(stack: Callable[..., Deployed]) -> None:
    deployed = stack()
    s3, firehose = deployed.clients.s3, deployed.clients.firehose
    name = f"lake-{deployed.account}"

    assert deployed.up(delivery.program, bucket_name=name) == dict.fromkeys(EVERYTHING, "create")
    assert s3.get_object(Bucket=name, Key="readme")["Body"].read() == b"version 1"
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert [rule["ID"] for rule in s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]] == ["old", "raw"]
    assert deployed.up(delivery.program, bucket_name=name) == {}
    assert deployed.refresh() == {}

    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    s3.delete_bucket_metrics_configuration(Bucket=name, Id="errors")
    assert deployed.refresh() == {"public": "update", "ownership": "update", "metric": "delete"}
    assert deployed.up(delivery.program, bucket_name=name).pop("metric") == "create"

    changed = {"bucket", "key", "public", "lifecycle", "bucket-policy", "metric", "object", "delivery"}
    assert deployed.up(delivery.program, bucket_name=name, version=2) == dict.fromkeys(changed, "update")
    assert s3.get_object(Bucket=name, Key="readme")["Body"].read() == b"version 2"
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    metric = s3.get_bucket_metrics_configuration(Bucket=name, Id="errors")["MetricsConfiguration"]
    assert metric["Filter"] == {"Prefix": "errors/v2/"}
    described = firehose.describe_delivery_stream(DeliveryStreamName="lake")["DeliveryStreamDescription"]
    destination = described["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert destination["Prefix"] == "v2/"
    assert destination["BufferingHints"] == {"SizeInMBs": 64, "IntervalInSeconds": 60}
    assert destination["CompressionFormat"] == "GZIP"
    assert deployed.refresh() == {}

    assert deployed.destroy() == dict.fromkeys(EVERYTHING, "delete")
    assert s3.list_buckets()["Buckets"] == []
    assert firehose.list_delivery_streams()["DeliveryStreamNames"] == []
