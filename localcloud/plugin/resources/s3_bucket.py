"""S3 buckets. Their settings are resources of their own (see `s3_settings`), as AWS provider 7 wants them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.errors import code_of
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Update

# Where a location constraint may not be given
# (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html, LocationConstraint).
_CLASSIC_REGION = "us-east-1"
# Route 53 zones of S3's website endpoints: https://docs.aws.amazon.com/general/latest/gr/s3.html
_HOSTED_ZONES = {
    "us-east-1": "Z3AQBSTGFYJSTF", "us-east-2": "Z2O1EMRO9K5GLX", "us-west-1": "Z2F56UZL2M1ACD",
    "us-west-2": "Z3BJ6K6RIION7M",
    "ca-central-1": "Z1QDHH18159H29", "eu-central-1": "Z21DNDUVLTQW6Q", "eu-west-1": "Z1BKCTXD74EZPE",
    "eu-west-2": "Z3GKZC51ZF0DB4", "eu-west-3": "Z3R1K369G5AVDG", "eu-north-1": "Z3BAZG2TWCNX0D",
    "ap-northeast-1": "Z2M4EHUR26P7ZW", "ap-northeast-2": "Z3W03O7B5YMIYP", "ap-south-1": "Z11RGJOFQNVJUP",
    "ap-southeast-1": "Z3O0J2DXBE1FTB", "ap-southeast-2": "Z1WCIGYICN2BYD", "sa-east-1": "Z7KQH4QJS55SO",
}  # fmt: skip
# How many objects one DeleteObjects call takes.
_PAGE = 1000


def _create(context: Context) -> str:
    request: dict[str, Any] = {"Bucket": context.inputs["bucket"]}
    if context.region != _CLASSIC_REGION:
        request["CreateBucketConfiguration"] = {"LocationConstraint": context.region}
    if context.inputs.get("objectLockEnabled"):
        request["ObjectLockEnabledForBucket"] = True
    context.call("CreateBucket", **request)
    context.id = str(context.inputs["bucket"])
    if context.inputs.get("tags"):
        _change_tags(context)
    return context.id


def _change_tags(context: Context) -> None:
    tags = [{"Key": key, "Value": value} for key, value in context.inputs.get("tags", {}).items()]
    if tags:
        context.call("PutBucketTagging", Bucket=context.id, Tagging={"TagSet": tags})
    else:
        context.call("DeleteBucketTagging", Bucket=context.id)


def _read(context: Context) -> Properties | None:
    if or_missing(lambda: context.call("HeadBucket", Bucket=context.id)) is None:
        return None
    region, name = context.region, context.id
    suffix = "amazonaws.com.cn" if context.cloud.partition == "aws-cn" else "amazonaws.com"
    tags = or_missing(lambda: context.call("GetBucketTagging", Bucket=name)) or {"TagSet": []}
    return {
        "bucket": name,
        "arn": f"arn:{context.cloud.partition}:s3:::{name}",
        "bucketDomainName": f"{name}.s3.{suffix}",
        "bucketRegionalDomainName": f"{name}.s3.{region}.{suffix}",
        "bucketRegion": region,
        "hostedZoneId": _HOSTED_ZONES.get(region, ""),
        "objectLockEnabled": _locks(context),
        "tags": {tag["Key"]: tag["Value"] for tag in tags["TagSet"] if not tag["Key"].startswith("aws:")},
    }


def _locks(context: Context) -> bool:
    found = or_missing(lambda: context.call("GetObjectLockConfiguration", Bucket=context.id))
    return bool(found and found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")


def _delete(context: Context) -> None:
    try:
        context.call("DeleteBucket", Bucket=context.id)
    except ClientError as error:
        if code_of(error) != "BucketNotEmpty" or not context.old.get("forceDestroy"):
            raise
        _empty(context)
        context.call("DeleteBucket", Bucket=context.id)


def _empty(context: Context) -> None:
    client = context.cloud.client("s3", context.region)
    batch: list[dict[str, str]] = []
    for page in client.get_paginator("list_object_versions").paginate(Bucket=context.id):
        batch += list(_objects(page))
        while len(batch) >= _PAGE:
            client.delete_objects(Bucket=context.id, Delete={"Objects": batch[:_PAGE], "Quiet": True})
            del batch[:_PAGE]
    if batch:
        client.delete_objects(Bucket=context.id, Delete={"Objects": batch, "Quiet": True})


def _objects(page: dict[str, Any]) -> Iterator[dict[str, str]]:
    for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
        yield {"Key": version["Key"], "VersionId": version["VersionId"]}


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_NAME = re.compile(
    r"(?!xn--|sthree-|amzn-s3-demo-)(?!.*(-s3alias|--ol-s3|\.mrap|--x-s3)$)[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]"
)
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    name = inputs.get("bucket")
    if isinstance(name, str) and (not _NAME.fullmatch(name) or _ADDRESS.fullmatch(name)):
        yield Failure(
            "bucket", f"bucket must be 3 to 63 lower-case letters, digits, - and ., as S3 wants them, not {name}."
        )


RESOURCES = (
    ResourceType(
        token="aws:s3/bucket:Bucket",
        service="s3",
        operation="CreateBucket",
        create=_create,
        read=_read,
        delete=_delete,
        updates=(
            Update(("tags",), _change_tags),
            Update(("forceDestroy",), lambda context: None),  # only deletion looks at it
        ),
        names={
            "tags": None,
            "objectLockEnabled": "ObjectLockEnabledForBucket",
            "acl": None,
        },
        immutable=("bucket", "bucketPrefix", "objectLockEnabled"),
        defaults={"forceDestroy": False},
        computed=("objectLockEnabled",),
        write_only=("bucketPrefix", "forceDestroy"),
        # Settings inside the bucket resource are deprecated: use the resources made for them.
        rules=(_rules,),
        unsupported=("accelerationStatus", "acl", "bucketNamespace", "corsRules", "grants", "lifecycleRules", "logging",
                     "objectLockConfiguration", "policy", "replicationConfiguration", "requestPayer",
                     "serverSideEncryptionConfiguration", "versioning", "website"),
        name=Name(property="bucket", longest=63, lower=True, prefix_property="bucketPrefix"),
    ),
)  # fmt: skip
