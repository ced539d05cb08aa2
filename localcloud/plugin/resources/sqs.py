"""SQS queues and their policies.

A queue's settings are attributes, all of them text (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

_ATTRIBUTES: Mapping[str, str] = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
# Least and greatest value, from the page above. Bytes for the size, seconds for the rest.
_RANGES: Mapping[str, tuple[int, int]] = {
    "delaySeconds": (0, 900),
    "kmsDataKeyReusePeriodSeconds": (60, 86_400),
    "maxMessageSize": (1024, 1_048_576),
    "messageRetentionSeconds": (60, 1_209_600),
    "receiveWaitTimeSeconds": (0, 20),
    "visibilityTimeoutSeconds": (0, 43_200),
}
_FIFO_ONLY = ("contentBasedDeduplication", "deduplicationScope", "fifoThroughputLimit")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _create(context: Context) -> str:
    attributes = {
        _ATTRIBUTES[name]: _text(value)
        for name, value in context.inputs.items()
        if name in _ATTRIBUTES and value not in (False, "")
    }
    if context.inputs.get("sqsManagedSseEnabled") is False:
        attributes["SqsManagedSseEnabled"] = "false"
    tags = context.inputs.get("tags") or None
    context.id = str(
        context.call("CreateQueue", QueueName=context.inputs["name"], Attributes=attributes, tags=tags)["QueueUrl"]
    )
    return context.id


def _read(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetQueueAttributes", QueueUrl=context.id, AttributeNames=["All"]))
    if found is None:
        return None
    live = found["Attributes"]
    kinds = context.resource.schema.inputs.properties
    state = {
        name: _value(kinds[name].kind, live[member])  # type: ignore[union-attr]
        for name, member in _ATTRIBUTES.items()
        if live.get(member) not in (None, "")
    }
    return {
        "fifoQueue": False,
        **state,
        "name": context.id.rpartition("/")[2],
        "arn": live["QueueArn"],
        "url": context.id,
    }


def _value(kind: str, text: str) -> Any:
    casts: Mapping[str, Any] = {"int": int, "bool": lambda value: value == "true"}
    return casts.get(kind, str)(text)


def _change(context: Context) -> None:
    attributes = {
        _ATTRIBUTES[name]: _text(context.inputs.get(name, ""))
        for name in context.changed
        if name in _ATTRIBUTES and name != "fifoQueue" and (name in context.inputs or name in context.old)
    }
    if attributes:
        context.call("SetQueueAttributes", QueueUrl=context.id, Attributes=attributes)


def _delete(context: Context) -> None:
    context.call("DeleteQueue", QueueUrl=context.id)


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    for name, (low, high) in _RANGES.items():
        value = inputs.get(name)
        if isinstance(value, int) and not low <= value <= high:
            yield Failure(name, f"{name} must be from {low} to {high}, but it is {value}.")
    queue, fifo = inputs.get("name"), inputs.get("fifoQueue") is True
    if isinstance(queue, str) and queue.endswith(".fifo") != fifo:
        yield Failure("name", f"the name of a FIFO queue, and of no other, ends in .fifo, but it is {queue}.")
    for setting in _FIFO_ONLY:
        if not fifo and inputs.get(setting):
            yield Failure(setting, f"{setting} is for FIFO queues only: set fifoQueue, or take it out.")
    if inputs.get("kmsMasterKeyId") and inputs.get("sqsManagedSseEnabled") is True:
        yield Failure("sqsManagedSseEnabled", "kmsMasterKeyId and sqsManagedSseEnabled exclude each other.")


def _put_policy(context: Context) -> str:
    url = str(context.inputs["queueUrl"])
    context.call("SetQueueAttributes", QueueUrl=url, Attributes={"Policy": context.inputs["policy"]})
    context.id = url
    return context.id


def _read_policy(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetQueueAttributes", QueueUrl=context.id, AttributeNames=["Policy"]))
    policy = found.get("Attributes", {}).get("Policy") if found else None
    return {"queueUrl": context.id, "policy": policy} if policy else None


RESOURCES = (
    ResourceType(
        token="aws:sqs/queue:Queue",
        service="sqs",
        operation="CreateQueue",
        create=_create,
        read=_read,
        delete=_delete,
        updates=(Update(tuple(_ATTRIBUTES), _change),),
        names={"name": "QueueName", "tags": None},
        immutable=("name", "namePrefix", "fifoQueue"),
        defaults={
            "delaySeconds": 0,
            "fifoQueue": False,
            "maxMessageSize": 262_144,
            "messageRetentionSeconds": 345_600,
            "receiveWaitTimeSeconds": 0,
            "visibilityTimeoutSeconds": 30,
        },
        computed=(
            "deduplicationScope", "fifoThroughputLimit", "kmsDataKeyReusePeriodSeconds", "policy",
            "redriveAllowPolicy", "redrivePolicy", "sqsManagedSseEnabled", "maxMessageSize",
        ),
        write_only=("namePrefix",),
        documents=("policy", "redrivePolicy", "redriveAllowPolicy"),
        name=Name(longest=80, prefix_property="namePrefix", fifo="fifoQueue"),
        tagging=Tagging("QueueUrl", by="url", tag="TagQueue", untag="UntagQueue", listing="ListQueueTags"),
        rules=(_rules,),
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html: 60 s between both
        transient=(
            Transient("QueueDeletedRecently"),
            Transient("AWS.SimpleQueueService.QueueDeletedRecently"),
            Transient("InvalidAttributeValue", "Invalid value for the parameter Policy"),
        ),
    ),
    ResourceType(
        token="aws:sqs/queuePolicy:QueuePolicy",
        service="sqs",
        operation="SetQueueAttributes",
        create=_put_policy,
        read=_read_policy,
        delete=lambda context: context.call("SetQueueAttributes", QueueUrl=context.id, Attributes={"Policy": ""}),
        updates=(Update(("policy",), _put_policy),),
        names={"policy": None},
        immutable=("queueUrl",),
        documents=("policy",),
        transient=(Transient("InvalidAttributeValue", "Invalid value for the parameter Policy"),),
    ),
)  # fmt: skip
