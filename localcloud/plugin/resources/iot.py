"""IoT topic rules."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin import mapping
from localcloud.plugin.calls import deletes, or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.models import service_model
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update, tag_request
from localcloud.plugin.types import Listing, Object

# The property that holds the actions of a kind, and the member of an action in the API.
_ACTIONS = {
    "cloudwatchAlarms": "cloudwatchAlarm",
    "cloudwatchLogs": "cloudwatchLogs",
    "cloudwatchMetrics": "cloudwatchMetric",
    "dynamodbs": "dynamoDB",
    "dynamodbv2s": "dynamoDBv2",
    "firehoses": "firehose",
    "kineses": "kinesis",
    "lambdas": "lambda",
    "republishes": "republish",
    "s3": "s3",
    "sns": "sns",
    "sqs": "sqs",
    "stepFunctions": "stepFunctions",
}
_PAYLOAD = ("description", "enabled", "sql", "sqlVersion")
_OTHER = ("elasticsearch", "errorAction", "https", "iotAnalytics", "iotEvents", "kafkas", "timestreams")


def _payload(context: Context) -> dict[str, Any]:
    inputs = context.inputs
    shape = service_model("iot").shape_for("Action")
    actions = []
    for name, member in _ACTIONS.items():
        kind = context.resource.schema.inputs.properties[name]
        if isinstance(kind, Listing) and isinstance(kind.item, Object):
            target = mapping.member_shape(shape, (member,))
            actions += [{member: mapping.to_request(kind.item, target, item, {})} for item in inputs.get(name, [])]
    return {
        "sql": inputs["sql"],
        "awsIotSqlVersion": inputs["sqlVersion"],
        "ruleDisabled": not inputs["enabled"],
        "description": inputs.get("description", ""),
        "actions": actions,
    }


def _create(context: Context) -> str:
    name, tags = str(context.inputs["name"]), context.inputs.get("tags")
    tagged = tag_request(context.resource.request_shape(), tags) if tags else {}
    context.call("CreateTopicRule", ruleName=name, topicRulePayload=_payload(context), **tagged)
    context.id = name
    return name


def _read(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetTopicRule", ruleName=context.id))
    if found is None:
        return None
    rule = found["rule"]
    state: Properties = {
        "name": context.id,
        "arn": found["ruleArn"],
        "sql": rule["sql"],
        "sqlVersion": rule.get("awsIotSqlVersion", "2016-03-23"),
        "enabled": not rule.get("ruleDisabled", False),
        "description": rule.get("description", ""),
    }
    for name, member in _ACTIONS.items():
        kind = context.resource.schema.inputs.properties[name]
        if isinstance(kind, Listing) and isinstance(kind.item, Object):
            properties = kind.item.properties
            found_actions = [action[member] for action in rule.get("actions", []) if member in action]
            state[name] = [mapping.from_response(properties, item, {}) for item in found_actions]
    return state


def _change(context: Context) -> None:
    context.call("ReplaceTopicRule", ruleName=context.id, topicRulePayload=_payload(context))


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    # https://docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html
    name = inputs.get("name")
    if isinstance(name, str) and not name.replace("_", "a").isalnum():
        yield Failure("name", f"the name of a topic rule has letters, digits and _ only, but it is {name}.")
    if not any(inputs.get(action) for action in _ACTIONS):
        yield Failure("republishes", f"a topic rule needs an action: one of {', '.join(_ACTIONS)}.")


RESOURCES = (
    ResourceType(
        token="aws:iot/topicRule:TopicRule",
        service="iot",
        operation="CreateTopicRule",
        create=_create,
        read=_read,
        delete=deletes("DeleteTopicRule", {"ruleName": "id"}),
        updates=(Update((*_PAYLOAD, *_ACTIONS), _change),),
        names={"name": "ruleName", "sql": "topicRulePayload.sql", "tags": None, **dict.fromkeys(_ACTIONS)},
        immutable=("name",),
        defaults={"sns.messageFormat": "RAW"},
        unordered=tuple(_ACTIONS),
        unsupported=_OTHER,
        name=Name(longest=128),
        tagging=Tagging("resourceArn"),
        rules=(_rules,),
        transient=(Transient("InvalidRequestException", "unable to assume role"),),
    ),
)
