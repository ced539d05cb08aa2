"""EventBridge rules and their targets (in `pulumi_aws` they live in `cloudwatch`)."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.errors import OperationError
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

_DEFAULT_BUS = "default"


def _bus_and_name(context: Context) -> tuple[str, str]:
    bus, _, name = context.id.rpartition("/")
    return bus or _DEFAULT_BUS, name


def _put_rule(context: Context) -> str:
    request = context.request()
    if "isEnabled" in context.inputs:
        request["State"] = "ENABLED" if context.inputs["isEnabled"] else "DISABLED"
    if context.id:
        request.pop("Tags", None)  # PutRule ignores the tags of a rule that exists
    context.call("PutRule", **request)
    bus, name = context.inputs["eventBusName"], context.inputs["name"]
    context.id = name if bus == _DEFAULT_BUS else f"{bus}/{name}"
    return context.id


def _read_rule(context: Context) -> Properties | None:
    bus, name = _bus_and_name(context)
    found = or_missing(lambda: context.call("DescribeRule", Name=name, EventBusName=bus))
    if found is None:
        return None
    state = {**context.properties(found), "eventBusName": bus, "state": found["State"]}
    return {**state, "isEnabled": found["State"] != "DISABLED"}


def _delete_rule(context: Context) -> None:
    bus, name = _bus_and_name(context)
    context.call("DeleteRule", Name=name, EventBusName=bus, Force=context.old.get("forceDestroy", False))


def _rule_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
    if not inputs.keys() & {"eventPattern", "scheduleExpression"}:
        yield Failure("eventPattern", "a rule needs eventPattern or scheduleExpression.")
    if "isEnabled" in inputs and "state" in inputs:
        yield Failure("isEnabled", "isEnabled and state exclude each other: use state.")
    if inputs.get("scheduleExpression") and inputs.get("eventBusName") not in (_DEFAULT_BUS, None):
        yield Failure("scheduleExpression", "only rules of the default event bus can have a schedule.")


def _put_target(context: Context) -> str:
    inputs = context.inputs
    target = inputs.get("targetId") or context.state.get("targetId") or f"pulumi-{secrets.token_hex(13)}"
    entry = {**context.request(), "Id": target}
    answer = context.call("PutTargets", Rule=inputs["rule"], EventBusName=inputs["eventBusName"], Targets=[entry])
    if answer.get("FailedEntryCount"):
        failed = answer["FailedEntries"][0]
        raise OperationError(f"EventBridge refused the target: {failed.get('ErrorCode')} {failed.get('ErrorMessage')}.")
    bus = inputs["eventBusName"]
    context.id = "/".join(([] if bus == _DEFAULT_BUS else [bus]) + [inputs["rule"], target])
    return context.id


def _target_key(context: Context) -> tuple[str, str, str]:
    *bus, rule, target = context.id.split("/")
    return "/".join(bus) or _DEFAULT_BUS, rule, target


def _read_target(context: Context) -> Properties | None:
    bus, rule, target = _target_key(context)
    found = or_missing(lambda: context.call("ListTargetsByRule", Rule=rule, EventBusName=bus))
    entry = next((item for item in found["Targets"] if item["Id"] == target), None) if found else None
    if entry is None:
        return None
    return {**context.properties(entry), "rule": rule, "eventBusName": bus, "targetId": target}


def _delete_target(context: Context) -> None:
    bus, rule, target = _target_key(context)
    force = context.old.get("forceDestroy", False)
    context.call("RemoveTargets", Rule=rule, EventBusName=bus, Ids=[target], Force=force)


_RULE = ("description", "eventPattern", "isEnabled", "roleArn", "scheduleExpression", "state")
_TARGET = (
    "arn", "deadLetterConfig", "input", "inputPath", "inputTransformer", "kinesisTarget", "retryPolicy", "roleArn",
    "sqsTarget",
)  # fmt: skip
_OTHER_TARGETS = (
    "appsyncTarget", "batchTarget", "ecsTarget", "httpTarget", "redshiftTarget", "runCommandTargets",
    "sagemakerPipelineTarget",
)  # fmt: skip

RESOURCES = (
    ResourceType(
        token="aws:cloudwatch/eventRule:EventRule",
        service="events",
        operation="PutRule",
        create=_put_rule,
        read=_read_rule,
        delete=_delete_rule,
        updates=(
            Update(_RULE, _put_rule),
            Update(("forceDestroy",), lambda context: None),  # only deletion looks at it
        ),
        names={"isEnabled": None, "forceDestroy": None, "tags": None},
        immutable=("name", "namePrefix", "eventBusName"),
        defaults={"eventBusName": _DEFAULT_BUS, "forceDestroy": False},
        computed=("state", "isEnabled"),
        write_only=("namePrefix", "forceDestroy"),
        documents=("eventPattern",),
        name=Name(longest=64, prefix_property="namePrefix"),
        tagging=Tagging("ResourceARN"),
        rules=(_rule_rules,),
    ),
    ResourceType(
        token="aws:cloudwatch/eventTarget:EventTarget",
        service="events",
        operation="PutTargets",
        within="Targets",
        create=_put_target,
        read=_read_target,
        delete=_delete_target,
        updates=(
            Update(_TARGET, _put_target),
            Update(("forceDestroy",), lambda context: None),  # only deletion looks at it
        ),
        names={
            "inputTransformer.inputPaths": "InputPathsMap",
            "kinesisTarget": "KinesisParameters",
            "sqsTarget": "SqsParameters",
            "targetId": "Id",
            "forceDestroy": None,
        },
        immutable=("rule", "eventBusName", "targetId"),
        defaults={"eventBusName": _DEFAULT_BUS, "forceDestroy": False},
        computed=("targetId",),
        write_only=("forceDestroy",),
        documents=("input",),
        unsupported=_OTHER_TARGETS,
        transient=(Transient("ConcurrentModificationException"),),
    ),
)
