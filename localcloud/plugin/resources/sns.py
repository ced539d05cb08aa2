"""SNS topics, their policies and subscriptions.

https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html and
https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html name the attributes.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update, tag_request

_FEEDBACK = {
    f"{channel}{kind}": f"{member}{kind}"
    for channel, member in {
        "application": "Application",
        "firehose": "Firehose",
        "http": "HTTP",
        "lambda": "Lambda",
        "sqs": "SQS",
    }.items()
    for kind in ("FailureFeedbackRoleArn", "SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate")
}
_TOPIC: Mapping[str, str] = {
    "archivePolicy": "ArchivePolicy",
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deliveryPolicy": "DeliveryPolicy",
    "displayName": "DisplayName",
    "fifoThroughputScope": "FifoThroughputScope",
    "fifoTopic": "FifoTopic",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maximumMessageSize": "MaximumMessageSize",
    "policy": "Policy",
    "signatureVersion": "SignatureVersion",
    "tracingConfig": "TracingConfig",
    **_FEEDBACK,
}
_SUBSCRIPTION: Mapping[str, str] = {
    "deliveryPolicy": "DeliveryPolicy",
    "filterPolicy": "FilterPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
    "replayPolicy": "ReplayPolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _attributes(names: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, str]:
    return {names[name]: _text(value) for name, value in values.items() if name in names and value not in (False, "")}


def _read_attributes(context: Context, names: Mapping[str, str], live: Mapping[str, str]) -> Properties:
    kinds = context.resource.schema.inputs.properties
    casts: Mapping[str, Any] = {"int": int, "bool": lambda value: value == "true"}
    return {
        name: casts.get(kinds[name].kind, str)(live[member])  # type: ignore[union-attr]
        for name, member in names.items()
        if live.get(member) not in (None, "")
    }


def _create_topic(context: Context) -> str:
    request: dict[str, Any] = {"Name": context.inputs["name"], "Attributes": _attributes(_TOPIC, context.inputs)}
    request |= (
        tag_request(context.resource.request_shape(), context.inputs.get("tags", {}))
        if context.inputs.get("tags")
        else {}
    )
    context.id = str(context.call("CreateTopic", **request)["TopicArn"])
    return context.id


def _read_topic(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetTopicAttributes", TopicArn=context.id))
    if found is None:
        return None
    live = found["Attributes"]
    return {
        "fifoTopic": False,
        **_read_attributes(context, _TOPIC, live),
        "name": context.id.rpartition(":")[2],
        "arn": context.id,
        "owner": live.get("Owner", context.cloud.account),
        "beginningArchiveTime": live.get("BeginningArchiveTime", ""),
    }


def _change_topic(context: Context) -> None:
    for name in sorted(context.changed & set(_TOPIC)):
        if name in context.inputs or name in context.old:
            value = _text(context.inputs.get(name, ""))
            context.call("SetTopicAttributes", TopicArn=context.id, AttributeName=_TOPIC[name], AttributeValue=value)


def _topic_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    name, fifo = inputs.get("name"), inputs.get("fifoTopic") is True
    if isinstance(name, str) and name.endswith(".fifo") != fifo:
        yield Failure("name", f"the name of a FIFO topic, and of no other, ends in .fifo, but it is {name}.")
    if inputs.get("contentBasedDeduplication") and not fifo:
        yield Failure("contentBasedDeduplication", "contentBasedDeduplication is for FIFO topics only.")


def _put_policy(context: Context) -> str:
    context.id = str(context.inputs["arn"])
    policy = context.inputs["policy"]
    context.call("SetTopicAttributes", TopicArn=context.id, AttributeName="Policy", AttributeValue=policy)
    return context.id


def _read_policy(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetTopicAttributes", TopicArn=context.id))
    if found is None or not found["Attributes"].get("Policy"):
        return None
    live = found["Attributes"]
    return {"arn": context.id, "policy": live["Policy"], "owner": live.get("Owner", context.cloud.account)}


def _reset_policy(context: Context) -> None:
    """A topic always has a policy: the one that SNS gives a new topic, which lets its owner do everything."""
    account = context.id.split(":")[4]
    actions = (
        "GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
        "ListSubscriptionsByTopic", "Publish",
    )  # fmt: skip
    policy = {
        "Version": "2008-10-17",
        "Id": "__default_policy_ID",
        "Statement": [
            {
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [f"SNS:{action}" for action in actions],
                "Resource": context.id,
                "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
            }
        ],
    }
    context.call("SetTopicAttributes", TopicArn=context.id, AttributeName="Policy", AttributeValue=json.dumps(policy))


def _subscribe(context: Context) -> str:
    inputs = context.inputs
    answer = context.call(
        "Subscribe",
        TopicArn=inputs["topic"],
        Protocol=inputs["protocol"],
        Endpoint=inputs["endpoint"],
        Attributes=_attributes(_SUBSCRIPTION, inputs),
        ReturnSubscriptionArn=True,
    )
    context.id = str(answer["SubscriptionArn"])
    return context.id


def _read_subscription(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetSubscriptionAttributes", SubscriptionArn=context.id))
    if found is None:
        return None
    live = found["Attributes"]
    return {
        **_read_attributes(context, _SUBSCRIPTION, live),
        "topic": live["TopicArn"],
        "protocol": live["Protocol"],
        "endpoint": live["Endpoint"],
        "arn": context.id,
        "ownerId": live.get("Owner", context.cloud.account),
        "pendingConfirmation": live.get("PendingConfirmation") == "true",
        "confirmationWasAuthenticated": live.get("ConfirmationWasAuthenticated") == "true",
    }


def _change_subscription(context: Context) -> None:
    for name in sorted(context.changed & set(_SUBSCRIPTION)):
        if name in context.inputs or name in context.old:
            value = _text(context.inputs.get(name, ""))
            context.call(
                "SetSubscriptionAttributes",
                SubscriptionArn=context.id,
                AttributeName=_SUBSCRIPTION[name],
                AttributeValue="{}" if name == "filterPolicy" and not value else value,
            )


# https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
_PROTOCOLS = ("application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs")


def _subscription_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    protocol = inputs.get("protocol")
    if isinstance(protocol, str) and protocol not in _PROTOCOLS:
        yield Failure("protocol", f"protocol is one of {', '.join(_PROTOCOLS)}, not {protocol}.")
    if protocol == "firehose" and not inputs.get("subscriptionRoleArn"):
        yield Failure("subscriptionRoleArn", "subscriptionRoleArn is needed when protocol is firehose.")
    scope = inputs.get("filterPolicyScope")
    if isinstance(scope, str) and scope not in ("MessageAttributes", "MessageBody"):
        yield Failure("filterPolicyScope", f"filterPolicyScope is MessageAttributes or MessageBody, not {scope}.")


_PRINCIPALS = (Transient("InvalidParameter", "Invalid parameter: Policy"),)

RESOURCES = (
    ResourceType(
        token="aws:sns/topic:Topic",
        service="sns",
        operation="CreateTopic",
        create=_create_topic,
        read=_read_topic,
        delete=lambda context: context.call("DeleteTopic", TopicArn=context.id),
        updates=(Update(tuple(_TOPIC), _change_topic),),
        names=dict.fromkeys((*_TOPIC, "tags")),
        immutable=("name", "namePrefix", "fifoTopic"),
        defaults={"fifoTopic": False},
        computed=("fifoThroughputScope", "maximumMessageSize", "policy", "signatureVersion", "tracingConfig"),
        write_only=("namePrefix",),
        documents=("policy", "deliveryPolicy", "archivePolicy"),
        name=Name(longest=256, prefix_property="namePrefix", fifo="fifoTopic"),
        tagging=Tagging("ResourceArn"),
        rules=(_topic_rules,),
        transient=_PRINCIPALS,
    ),
    ResourceType(
        token="aws:sns/topicPolicy:TopicPolicy",
        service="sns",
        operation="SetTopicAttributes",
        create=_put_policy,
        read=_read_policy,
        delete=_reset_policy,
        updates=(Update(("policy",), _put_policy),),
        names={"arn": "TopicArn", "policy": None},
        immutable=("arn",),
        documents=("policy",),
        transient=_PRINCIPALS,
    ),
    ResourceType(
        token="aws:sns/topicSubscription:TopicSubscription",
        service="sns",
        operation="Subscribe",
        create=_subscribe,
        read=_read_subscription,
        delete=lambda context: context.call("Unsubscribe", SubscriptionArn=context.id),
        updates=(
            Update(tuple(_SUBSCRIPTION), _change_subscription),
            Update(("confirmationTimeoutInMinutes", "endpointAutoConfirms"), lambda context: None),  # of creation only
        ),
        names={"topic": "TopicArn", **dict.fromkeys(_SUBSCRIPTION)},
        immutable=("endpoint", "protocol", "topic"),
        defaults={"confirmationTimeoutInMinutes": 1, "endpointAutoConfirms": False, "rawMessageDelivery": False},
        computed=("filterPolicyScope",),
        write_only=("confirmationTimeoutInMinutes", "endpointAutoConfirms"),
        documents=("deliveryPolicy", "filterPolicy", "redrivePolicy", "replayPolicy"),
        rules=(_subscription_rules,),
        transient=(Transient("InvalidParameter", "Invalid SubscriptionRoleArn"),),
    ),
)
