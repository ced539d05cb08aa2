"""Metrics configurations of buckets, which have CloudWatch count requests to objects below a prefix."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Transient, Update


def _put(context: Context) -> str:
    bucket, name = str(context.inputs["bucket"]), str(context.inputs["name"])
    configuration: dict[str, Any] = {"Id": name}
    if prefix := context.inputs.get("filter", {}).get("prefix"):
        configuration["Filter"] = {"Prefix": prefix}
    context.call("PutBucketMetricsConfiguration", Bucket=bucket, Id=name, MetricsConfiguration=configuration)
    context.id = f"{bucket}:{name}"
    return context.id


def _read(context: Context) -> Properties | None:
    bucket, _, name = context.id.rpartition(":")
    found = or_missing(lambda: context.call("GetBucketMetricsConfiguration", Bucket=bucket, Id=name))
    if found is None:
        return None
    prefix = found["MetricsConfiguration"].get("Filter", {}).get("Prefix")
    return {"bucket": bucket, "name": name, **({"filter": {"prefix": prefix}} if prefix else {})}


def _delete(context: Context) -> None:
    bucket, _, name = context.id.rpartition(":")
    context.call("DeleteBucketMetricsConfiguration", Bucket=bucket, Id=name)


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_MetricsConfiguration.html (Id)
    name = inputs.get("name")
    if isinstance(name, str) and not (0 < len(name) <= 64):
        yield Failure("name", f"is {len(name)} characters long: S3 takes 1 to 64")


RESOURCES = (
    ResourceType(
        token="aws:s3/bucketMetric:BucketMetric",
        service="s3",
        operation="PutBucketMetricsConfiguration",
        create=_put,
        read=_read,
        delete=_delete,
        updates=(Update(("filter",), _put),),
        names={
            "name": "Id",
            "filter": "MetricsConfiguration.Filter",
            "filter.prefix": "MetricsConfiguration.Filter.Prefix",
        },
        immutable=("bucket", "name"),
        unsupported=("filter.accessPoint", "filter.tags"),
        name=Name(longest=64),
        rules=(_rules,),
        transient=(Transient("NoSuchBucket"), Transient("OperationAborted")),
    ),
)
