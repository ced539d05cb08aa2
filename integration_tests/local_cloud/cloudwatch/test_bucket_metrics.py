"""S3's request metrics: counted for the owner of a bucket, below the prefixes of its metrics configurations.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-configurations-filter.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import Clients, statement

pytestmark = [
    pytest.mark.local,
    pytest.mark.differs("plain", "has no metrics configurations, and counts nothing"),
    pytest.mark.differs("localstack", "has no metrics configurations, and counts nothing"),
]


@pytest.fixture
def owner(account: Callable[[], str], clients: Callable[[str], Clients]) -> Clients:
    return clients(account())


def counted(owner: Clients, bucket: str, filter_id: str, metric: str) -> float:
    now = datetime.now(UTC)
    found = owner.cloudwatch.get_metric_statistics(
        Namespace="AWS/S3",
        MetricName=metric,
        Dimensions=[{"Name": "BucketName", "Value": bucket}, {"Name": "FilterId", "Value": filter_id}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def refused(call: Callable[..., object], **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**request)
    return str(raised.value.response["Error"]["Code"])


def test_configurations_are_kept_listed_and_removed(owner: Clients, bucket: Callable[[str], str]) -> None:
    s3, name = owner.s3, bucket(owner.account_id)
    assert refused(s3.get_bucket_metrics_configuration, Bucket=name, Id="errors") == "NoSuchConfiguration"
    whole, errors = {"Id": "whole"}, {"Id": "errors", "Filter": {"Prefix": "errors/"}}
    for one in (whole, errors):
        s3.put_bucket_metrics_configuration(Bucket=name, Id=one["Id"], MetricsConfiguration=one)
    assert s3.get_bucket_metrics_configuration(Bucket=name, Id="errors")["MetricsConfiguration"] == errors
    listed = s3.list_bucket_metrics_configurations(Bucket=name)
    assert (listed["MetricsConfigurationList"], listed["IsTruncated"]) == ([errors, whole], False)
    s3.delete_bucket_metrics_configuration(Bucket=name, Id="errors")
    assert refused(s3.delete_bucket_metrics_configuration, Bucket=name, Id="errors") == "NoSuchConfiguration"
    tagged = {"Id": "tagged", "Filter": {"Tag": {"Key": "a", "Value": "b"}}}
    request = {"Bucket": name, "Id": "tagged", "MetricsConfiguration": tagged}
    assert refused(s3.put_bucket_metrics_configuration, **request) == "NotImplemented"


def test_requests_below_a_prefix_are_counted_for_the_owner_whoever_makes_them(
    owner: Clients, bucket: Callable[[str], str], account: Callable[[], str], principal: Callable[..., Clients]
) -> None:
    s3, name = owner.s3, bucket(owner.account_id)
    stranger = principal(account(), [statement("s3:*")])
    configuration = {"Id": "errors", "Filter": {"Prefix": "errors/"}}
    request = {"Bucket": name, "Id": "errors", "MetricsConfiguration": configuration}
    assert refused(stranger.s3.put_bucket_metrics_configuration, **request) == "AccessDenied"
    s3.put_bucket_metrics_configuration(**request)

    s3.put_object(Bucket=name, Key="errors/1", Body=b"x")
    s3.put_object(Bucket=name, Key="rows/1", Body=b"x")
    s3.get_object(Bucket=name, Key="errors/1")
    s3.list_objects_v2(Bucket=name, Prefix="errors/")
    assert refused(stranger.s3.put_object, Bucket=name, Key="errors/2", Body=b"x") == "AccessDenied"
    metrics = ("AllRequests", "PutRequests", "GetRequests", "4xxErrors", "5xxErrors")
    assert [counted(owner, name, "errors", metric) for metric in metrics] == [3, 2, 1, 1, 0]
