"""Objects in buckets, and what a bucket's events are sent to."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin import archives
from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.resource import Context, Properties, ResourceType, Transient, Update
from localcloud.plugin.values import Archive

_HEADERS = (
    "bucketKeyEnabled", "cacheControl", "contentDisposition", "contentEncoding", "contentLanguage", "contentType",
    "kmsKeyId", "metadata", "serverSideEncryption", "storageClass", "websiteRedirect",
)  # fmt: skip
_CONTENT = ("content", "contentBase64", "source", "sourceHash", "etag")


def _body(inputs: Mapping[str, Any]) -> bytes:
    if "contentBase64" in inputs:
        return base64.b64decode(inputs["contentBase64"])
    if "content" in inputs:
        return str(inputs["content"]).encode()
    source = inputs.get("source")
    if isinstance(source, Archive):
        return archives.zip_bytes(source)
    return archives.asset_bytes(source) if source is not None else b""


def _put(context: Context) -> str:
    context.call("PutObject", **context.request() | {"Body": _body(context.inputs), "Tagging": None})
    context.id = f"{context.inputs['bucket']}/{context.inputs['key']}"
    if context.inputs.get("tags") or context.old.get("tags"):
        _change_tags(context)
    return context.id


def _change_tags(context: Context) -> None:
    bucket, _, key = context.id.partition("/")
    tags = [{"Key": name, "Value": value} for name, value in context.inputs.get("tags", {}).items()]
    context.call("PutObjectTagging", Bucket=bucket, Key=key, Tagging={"TagSet": tags})


def _read(context: Context) -> Properties | None:
    bucket, _, key = context.id.partition("/")
    live = or_missing(lambda: context.call("HeadObject", Bucket=bucket, Key=key))
    if live is None:
        return None
    tags = context.call("GetObjectTagging", Bucket=bucket, Key=key)["TagSet"]
    etag = live["ETag"].strip('"')
    state = {
        **context.properties(live),
        "bucket": bucket,
        "key": key,
        "arn": f"arn:{context.cloud.partition}:s3:::{bucket}/{key}",
        "etag": etag,
        "versionId": live.get("VersionId", ""),
        "storageClass": live.get("StorageClass", "STANDARD"),
        "tags": {tag["Key"]: tag["Value"] for tag in tags},
    }
    return state | _content_state(context, etag, live.get("ServerSideEncryption", ""))


def _content_state(context: Context, etag: str, encryption: str) -> Properties:
    """The content as the program gave it, or, where the object's ETag shows another, a text that says so."""
    given: Properties = {name: context.inputs[name] for name in ("content", "contentBase64") if name in context.inputs}
    # With a KMS key the ETag is no hash of the content: https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    if encryption.startswith("aws:kms") or not given:
        return given
    same = hashlib.md5(_body(context.inputs), usedforsecurity=False).hexdigest() == etag
    return given if same else {**dict.fromkeys(given, f"changed: {etag}")}


def _delete(context: Context) -> None:
    bucket, _, key = context.id.partition("/")
    if not context.old.get("forceDestroy"):
        context.call("DeleteObject", Bucket=bucket, Key=key)
        return
    versions = context.call("ListObjectVersions", Bucket=bucket, Prefix=key)
    for item in (*versions.get("Versions", ()), *versions.get("DeleteMarkers", ())):
        if item["Key"] == key:
            context.call("DeleteObject", Bucket=bucket, Key=key, VersionId=item["VersionId"])


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    given = [name for name in ("content", "contentBase64", "source") if name in inputs]
    if len(given) > 1:
        yield Failure(given[1], f"only one of content, contentBase64 and source may be given, but it has {given}.")
    if "key" not in inputs:
        yield Failure("key", "key, the object's name in the bucket, is needed.")


_KINDS = {
    "lambdaFunctions": ("LambdaFunctionConfigurations", "lambdaFunctionArn", "LambdaFunctionArn"),
    "queues": ("QueueConfigurations", "queueArn", "QueueArn"),
    "topics": ("TopicConfigurations", "topicArn", "TopicArn"),
}


def _put_notification(context: Context) -> str:
    configuration: dict[str, Any] = {"EventBridgeConfiguration": {}} if context.inputs.get("eventbridge") else {}
    for name, (member, ours, theirs) in _KINDS.items():
        items = [_destination(item, ours, theirs) for item in context.inputs.get(name, [])]
        if items:
            configuration[member] = items
    bucket = str(context.inputs["bucket"])
    context.call("PutBucketNotificationConfiguration", Bucket=bucket, NotificationConfiguration=configuration)
    context.id = bucket
    return bucket


def _destination(item: Mapping[str, Any], ours: str, theirs: str) -> dict[str, Any]:
    filters = (("prefix", item.get("filterPrefix")), ("suffix", item.get("filterSuffix")))
    rules = [{"Name": name, "Value": value} for name, value in filters if value]
    found = {"Id": item.get("id"), theirs: item.get(ours), "Events": item["events"]}
    chosen = {"Filter": {"Key": {"FilterRules": rules}}} if rules else {}
    return {key: value for key, value in found.items() if value} | chosen


def _read_notification(context: Context) -> Properties | None:
    live = or_missing(lambda: context.call("GetBucketNotificationConfiguration", Bucket=context.id))
    if live is None:
        return None
    state: Properties = {"bucket": context.id, "eventbridge": "EventBridgeConfiguration" in live}
    for name, (member, ours, theirs) in _KINDS.items():
        state[name] = [_read_destination(item, ours, theirs) for item in live.get(member, [])]
    return state if any(value for key, value in state.items() if key != "bucket") else None


def _read_destination(item: Mapping[str, Any], ours: str, theirs: str) -> Properties:
    rules = item.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    filters = {f"filter{rule['Name'].capitalize()}": rule["Value"] for rule in rules if rule["Value"]}
    return {"id": item.get("Id", ""), ours: item[theirs], "events": item["Events"], **filters}


def _clear_notification(context: Context) -> None:
    context.call("PutBucketNotificationConfiguration", Bucket=context.id, NotificationConfiguration={})


RESOURCES = (
    ResourceType(
        token="aws:s3/bucketObjectv2:BucketObjectv2",
        service="s3",
        operation="PutObject",
        create=_put,
        read=_read,
        delete=_delete,
        updates=(
            Update((*_CONTENT, *_HEADERS), _put),
            Update(("tags",), _change_tags),
            Update(("forceDestroy",), lambda context: None),  # only deletion looks at it
        ),
        names={
            "kmsKeyId": "SSEKMSKeyId", "websiteRedirect": "WebsiteRedirectLocation", "tags": None, "etag": None,
            "content": None, "contentBase64": None, "source": None, "sourceHash": None, "forceDestroy": None,
        },
        immutable=("bucket", "key"),
        defaults={"forceDestroy": False},
        computed=("bucketKeyEnabled", "contentType", "etag", "kmsKeyId", "serverSideEncryption", "storageClass"),
        write_only=("forceDestroy", "source", "sourceHash"),
        unsupported=("acl", "checksumAlgorithm", "etag", "objectLockLegalHoldStatus", "objectLockMode",
                     "objectLockRetainUntilDate", "overrideProvider"),
        rules=(_rules,),
        volatile={"etag": _CONTENT, "versionId": (*_CONTENT, *_HEADERS)},
        transient=(Transient("NoSuchBucket"),),
    ),
    ResourceType(
        token="aws:s3/bucketNotification:BucketNotification",
        service="s3",
        operation="PutBucketNotificationConfiguration",
        create=_put_notification,
        read=_read_notification,
        delete=_clear_notification,
        updates=(Update(("eventbridge", *_KINDS), _put_notification),),
        names={"eventbridge": None, **dict.fromkeys(_KINDS)},
        immutable=("bucket",),
        defaults={"eventbridge": False},
        computed=tuple(f"{name}.id" for name in _KINDS),
        unordered=(*_KINDS, *(f"{name}.events" for name in _KINDS)),
        transient=(
            Transient("InvalidArgument", "Unable to validate the following destination configurations"),
            Transient("OperationAborted"),
        ),
    ),
)  # fmt: skip
