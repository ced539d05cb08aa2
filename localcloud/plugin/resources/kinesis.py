"""Kinesis data streams, their enhanced fan-out consumers and their resource policies."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import creates, deletes, describes, or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

_PROVISIONED = "PROVISIONED"
_HOURS = 24  # a new stream's retention (https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html)


def _create(context: Context) -> str:
    name = str(context.inputs["name"])
    request = {key: value for key, value in context.request().items() if key in _CREATE_MEMBERS}
    context.call("CreateStream", **request)
    context.id = _arn(context, name)
    _active(context)
    if tags := context.inputs.get("tags"):
        context.call("AddTagsToStream", StreamName=name, Tags=tags)
    if context.inputs.get("retentionPeriod", _HOURS) != _HOURS:
        _change_retention(context)
    if context.inputs.get("shardLevelMetrics"):
        _change_metrics(context)
    if context.inputs.get("encryptionType") == "KMS":
        _change_encryption(context)
    return context.id


_CREATE_MEMBERS = ("StreamName", "ShardCount", "StreamModeDetails", "MaxRecordSizeInKiB", "WarmThroughputMiBps")


def _arn(context: Context, name: str) -> str:
    return context.arn("kinesis", f"stream/{name}")


def _summary(context: Context) -> dict[str, Any] | None:
    # The real provider's id is the ARN; an import may give the name.
    name = context.id.rpartition("/")[2]
    found = or_missing(lambda: context.call("DescribeStreamSummary", StreamName=name))
    return found["StreamDescriptionSummary"] if found else None


def _active(context: Context) -> None:
    def look() -> dict[str, Any] | None:
        stream = _summary(context)
        return stream if stream and stream["StreamStatus"] == "ACTIVE" else None

    context.wait(look, f"stream {context.id} to be active")


def _read(context: Context) -> Properties | None:
    stream = _summary(context)
    if stream is None or stream["StreamStatus"] == "DELETING":
        return None
    context.id = stream["StreamARN"]
    mode = stream.get("StreamModeDetails", {}).get("StreamMode", _PROVISIONED)
    metrics = [name for item in stream.get("EnhancedMonitoring", []) for name in item.get("ShardLevelMetrics", [])]
    state = {
        "name": stream["StreamName"],
        "arn": stream["StreamARN"],
        "retentionPeriod": stream["RetentionPeriodHours"],
        "encryptionType": stream.get("EncryptionType", "NONE"),
        "kmsKeyId": stream.get("KeyId"),
        "streamModeDetails": {"streamMode": mode},
        "shardLevelMetrics": metrics,
        "maxRecordSizeInKib": stream.get("MaxRecordSizeInKiB"),
    }
    if mode == _PROVISIONED:
        state["shardCount"] = stream["OpenShardCount"]
    return {key: value for key, value in state.items() if value is not None}


def _change_shards(context: Context) -> None:
    details = context.inputs.get("streamModeDetails", {"streamMode": _PROVISIONED})
    old = context.old.get("streamModeDetails", {"streamMode": _PROVISIONED})
    if details != old:
        mode = {"StreamMode": details["streamMode"]}
        context.call("UpdateStreamMode", StreamARN=context.id, StreamModeDetails=mode)
        _active(context)
    stream = _summary(context)
    count = context.inputs.get("shardCount")
    if details["streamMode"] == _PROVISIONED and count and stream and stream["OpenShardCount"] != count:
        context.call("UpdateShardCount", StreamARN=context.id, TargetShardCount=count, ScalingType="UNIFORM_SCALING")
        _active(context)


def _change_retention(context: Context) -> None:
    stream, wanted = _summary(context), context.inputs.get("retentionPeriod", _HOURS)
    current = stream["RetentionPeriodHours"] if stream else _HOURS
    if wanted != current:
        operation = f"{'Increase' if wanted > current else 'Decrease'}StreamRetentionPeriod"
        context.call(operation, StreamARN=context.id, RetentionPeriodHours=wanted)
        _active(context)


def _change_metrics(context: Context) -> None:
    old, new = set(context.old.get("shardLevelMetrics", [])), set(context.inputs.get("shardLevelMetrics", []))
    for operation, metrics in (("DisableEnhancedMonitoring", old - new), ("EnableEnhancedMonitoring", new - old)):
        if metrics:
            context.call(operation, StreamARN=context.id, ShardLevelMetrics=sorted(metrics))
            _active(context)


def _change_encryption(context: Context) -> None:
    if context.inputs.get("encryptionType") == "KMS":
        key = context.inputs["kmsKeyId"]
        context.call("StartStreamEncryption", StreamARN=context.id, EncryptionType="KMS", KeyId=key)
    else:
        key = context.old.get("kmsKeyId")
        context.call("StopStreamEncryption", StreamARN=context.id, EncryptionType="KMS", KeyId=key)
    _active(context)


def _change_record_size(context: Context) -> None:
    size = context.inputs.get("maxRecordSizeInKib", 1024)
    context.call("UpdateMaxRecordSize", StreamARN=context.id, MaxRecordSizeInKiB=size)
    _active(context)


def _delete(context: Context) -> None:
    enforce = context.old.get("enforceConsumerDeletion", False)
    context.call("DeleteStream", StreamName=context.id.rpartition("/")[2], EnforceConsumerDeletion=enforce)
    context.wait(lambda: True if _summary(context) is None else None, f"stream {context.id} to be gone")


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    details = inputs.get("streamModeDetails")
    mode = details.get("streamMode", _PROVISIONED) if isinstance(details, dict) else _PROVISIONED
    if mode == _PROVISIONED and not inputs.get("shardCount"):
        yield Failure("shardCount", "shardCount must be at least 1 when the stream mode is PROVISIONED, the default.")
    if mode == "ON_DEMAND" and inputs.get("shardCount"):
        yield Failure("shardCount", "shardCount may not be given when the stream mode is ON_DEMAND.")
    encryption = inputs.get("encryptionType", "NONE")
    # https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StartStreamEncryption.html
    if isinstance(encryption, str) and encryption not in ("KMS", "NONE"):
        yield Failure("encryptionType", f"encryptionType is KMS or NONE, but it is {encryption}.")
    if encryption == "KMS" and not inputs.get("kmsKeyId"):
        yield Failure("kmsKeyId", "kmsKeyId is needed when encryptionType is KMS; alias/aws/kinesis is AWS's own key.")
    hours = inputs.get("retentionPeriod", _HOURS)
    # https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html
    if isinstance(hours, int) and not 24 <= hours <= 8760:
        yield Failure("retentionPeriod", f"retentionPeriod is in hours, from 24 to 8760, but it is {hours}.")


def _read_consumer(context: Context, state: Properties, description: Mapping[str, Any]) -> Properties | None:
    if description["ConsumerStatus"] == "DELETING":
        return None
    if description["ConsumerStatus"] == "CREATING":
        return _waited_consumer(context)
    return {**state, "streamArn": context.id.rpartition("/consumer/")[0]}


def _waited_consumer(context: Context) -> Properties | None:
    def look() -> Properties | None:
        found = context.call("DescribeStreamConsumer", ConsumerARN=context.id)["ConsumerDescription"]
        return context.properties(found) if found["ConsumerStatus"] == "ACTIVE" else None

    state = dict(context.wait(look, f"consumer {context.id} to be active"))
    return {**state, "streamArn": context.id.rpartition("/consumer/")[0]}


def _deregister(context: Context) -> None:
    context.call("DeregisterStreamConsumer", ConsumerARN=context.id)

    def look() -> bool | None:
        found = or_missing(lambda: context.call("DescribeStreamConsumer", ConsumerARN=context.id))
        return True if found is None else None

    context.wait(look, f"consumer {context.id} to be gone")


def _read_policy(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetResourcePolicy", ResourceARN=context.id))
    if found is None or found.get("Policy", "{}") in ("", "{}"):
        return None
    return {"resourceArn": context.id, "policy": found["Policy"]}


_put_policy = creates("PutResourcePolicy", identity="resourceArn")

RESOURCES = (
    ResourceType(
        token="aws:kinesis/stream:Stream",
        service="kinesis",
        operation="CreateStream",
        create=_create,
        read=_read,
        delete=_delete,
        updates=(
            Update(("shardCount", "streamModeDetails"), _change_shards),
            Update(("retentionPeriod",), _change_retention),
            Update(("shardLevelMetrics",), _change_metrics),
            Update(("encryptionType", "kmsKeyId"), _change_encryption),
            Update(("maxRecordSizeInKib",), _change_record_size),
            Update(("enforceConsumerDeletion",), lambda context: None),  # only deletion looks at it
        ),
        names={
            "name": "StreamName",
            "arn": None,
            "encryptionType": None,
            "enforceConsumerDeletion": None,
            "kmsKeyId": None,
            "retentionPeriod": None,
            "shardLevelMetrics": None,
            "warmThroughputMibPs": "WarmThroughputMiBps",
        },
        immutable=("name",),
        defaults={"retentionPeriod": _HOURS, "encryptionType": "NONE", "enforceConsumerDeletion": False},
        computed=("shardCount", "streamModeDetails", "maxRecordSizeInKib", "arn"),
        write_only=("enforceConsumerDeletion",),
        unordered=("shardLevelMetrics",),
        unsupported=("arn", "warmThroughputMibPs"),
        name=Name(longest=128),
        tagging=Tagging(
            "StreamName", by="name", tag="AddTagsToStream", untag="RemoveTagsFromStream", listing="ListTagsForStream"
        ),
        rules=(_rules,),
        transient=(Transient("LimitExceededException"), Transient("ResourceInUseException", "not ACTIVE")),
    ),
    ResourceType(
        token="aws:kinesis/streamConsumer:StreamConsumer",
        service="kinesis",
        operation="RegisterStreamConsumer",
        create=creates("RegisterStreamConsumer", identity=".Consumer.ConsumerARN"),
        read=describes("DescribeStreamConsumer", {"ConsumerARN": "id"}, "ConsumerDescription", then=_read_consumer),
        delete=_deregister,
        names={"name": "ConsumerName", "arn": "ConsumerARN", "creationTimestamp": "ConsumerCreationTimestamp"},
        immutable=("name", "streamArn"),
        unsupported=("tags",),
        name=Name(longest=128),
        transient=(Transient("LimitExceededException"), Transient("ResourceInUseException")),
    ),
    ResourceType(
        token="aws:kinesis/resourcePolicy:ResourcePolicy",
        service="kinesis",
        operation="PutResourcePolicy",
        create=_put_policy,
        read=_read_policy,
        delete=deletes("DeleteResourcePolicy", {"ResourceARN": "id"}),
        updates=(Update(("policy",), _put_policy),),
        immutable=("resourceArn",),
        documents=("policy",),
        transient=(Transient("ResourceInUseException"), Transient("LimitExceededException")),
    ),
)
