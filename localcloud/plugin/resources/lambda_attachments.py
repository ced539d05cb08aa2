"""What is attached to Lambda functions: event source mappings and permissions."""

import json
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

_STREAMS = (":kinesis:", ":dynamodb:")

_CHANGEABLE = (
    "batchSize", "bisectBatchOnFunctionError", "destinationConfig", "enabled", "filterCriteria", "functionName",
    "functionResponseTypes", "kmsKeyArn", "maximumBatchingWindowInSeconds", "maximumRecordAgeInSeconds",
    "maximumRetryAttempts", "metricsConfig", "parallelizationFactor", "provisionedPollerConfig", "scalingConfig",
    "sourceAccessConfigurations", "tumblingWindowInSeconds",
)  # fmt: skip

# What UpdateEventSourceMapping takes as "none" (https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html).
_NONE: Mapping[str, dict[str, Any]] = {
    "bisectBatchOnFunctionError": {"BisectBatchOnFunctionError": False},
    "destinationConfig": {"DestinationConfig": {"OnFailure": {}}},
    "enabled": {"Enabled": True},
    "filterCriteria": {"FilterCriteria": {"Filters": []}},
    "functionResponseTypes": {"FunctionResponseTypes": []},
    "kmsKeyArn": {"KMSKeyArn": ""},
    "maximumBatchingWindowInSeconds": {"MaximumBatchingWindowInSeconds": 0},
    "maximumRecordAgeInSeconds": {"MaximumRecordAgeInSeconds": -1},
    "maximumRetryAttempts": {"MaximumRetryAttempts": -1},
    "metricsConfig": {"MetricsConfig": {"Metrics": []}},
    "parallelizationFactor": {"ParallelizationFactor": 1},
    "scalingConfig": {"ScalingConfig": {}},
    "tumblingWindowInSeconds": {"TumblingWindowInSeconds": 0},
}


def _create(context: Context) -> str:
    context.id = str(context.call("CreateEventSourceMapping", **context.request())["UUID"])
    _settled(context)
    return context.id


def _describe(context: Context) -> dict[str, Any] | None:
    found: dict[str, Any] | None = or_missing(lambda: context.call("GetEventSourceMapping", UUID=context.id))
    return found


def _whole_seconds(timestamp: str) -> str:
    """A time as the real plugin reads it back, in RFC 3339 without fractions.

    https://github.com/hashicorp/terraform-provider-aws/issues/20087
    """
    return datetime.fromisoformat(timestamp).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _settled(context: Context) -> None:
    def look() -> bool | None:
        found = _describe(context)
        return True if found and found["State"] in ("Enabled", "Disabled") else None

    context.wait(look, f"event source mapping {context.id} to be in service")


def _read(context: Context) -> Properties | None:
    found = _describe(context)
    if found is None or found["State"] == "Deleting":
        return None
    state = context.properties(found)
    failure = found.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    state.pop("destinationConfig", None)
    if failure:
        state["destinationConfig"] = {"onFailure": {"destinationArn": failure}}
    arn = context.arn("lambda", f"event-source-mapping:{context.id}")
    function = found["FunctionArn"]
    given = context.inputs.get("functionName")
    return {
        **state,
        "uuid": context.id,
        "arn": found.get("EventSourceMappingArn", arn),
        "functionArn": function,
        # The name, a partial ARN and the ARN mean the same function; the program's own form is kept.
        "functionName": given if given and _same_function(str(given), function) else function,
        "enabled": found["State"] in ("Enabled", "Enabling", "Creating", "Updating"),
        "stateTransitionReason": found.get("StateTransitionReason", ""),
        "lastProcessingResult": found.get("LastProcessingResult", ""),
    }


def _same_function(given: str, arn: str) -> bool:
    return given == arn or arn.partition(":function:")[2] == given.rpartition(":function:")[2]


def _change(context: Context) -> None:
    changed = context.changed & set(_CHANGEABLE)
    request = context.request("UpdateEventSourceMapping", only=changed)
    for name in changed:
        if name not in context.inputs:
            request |= _NONE.get(name, {})
    context.call("UpdateEventSourceMapping", **request | {"UUID": context.id})
    _settled(context)


def _delete(context: Context) -> None:
    context.call("DeleteEventSourceMapping", UUID=context.id)
    context.wait(lambda: True if _describe(context) is None else None, f"event source mapping {context.id} to be gone")


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    source = inputs.get("eventSourceArn")
    if source is None and not inputs.keys() & {"selfManagedEventSource"}:
        yield Failure("eventSourceArn", "eventSourceArn is needed.")
    position = inputs.get("startingPosition")
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html, StartingPosition
    if isinstance(source, str) and any(service in source for service in _STREAMS) and position is None:
        yield Failure(
            "startingPosition", "startingPosition is needed for a stream: TRIM_HORIZON, LATEST or AT_TIMESTAMP."
        )
    if position == "AT_TIMESTAMP" and isinstance(source, str) and ":kinesis:" not in source:
        yield Failure("startingPosition", "AT_TIMESTAMP is for Kinesis streams only: use TRIM_HORIZON or LATEST.")
    if (position == "AT_TIMESTAMP") != ("startingPositionTimestamp" in inputs):
        yield Failure("startingPositionTimestamp", "startingPositionTimestamp goes with startingPosition AT_TIMESTAMP.")
    # Seconds; -1 is for ever. https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    age = inputs.get("maximumRecordAgeInSeconds")
    if isinstance(age, int) and age != -1 and not 60 <= age <= 604_800:
        yield Failure(
            "maximumRecordAgeInSeconds", f"maximumRecordAgeInSeconds is -1, or 60 to 604800, but it is {age}."
        )
    window, size = inputs.get("maximumBatchingWindowInSeconds", 0), inputs.get("batchSize", 1)
    if isinstance(source, str) and ":sqs:" in source and isinstance(size, int) and size > 10 and not window:
        yield Failure(
            "maximumBatchingWindowInSeconds", "a queue's batchSize above 10 needs a batching window of at least 1 s."
        )
    if isinstance(source, str) and ":sqs:" in source:
        only_streams = (
            "startingPosition", "bisectBatchOnFunctionError", "destinationConfig", "maximumRecordAgeInSeconds",
            "maximumRetryAttempts", "parallelizationFactor", "tumblingWindowInSeconds",
        )  # fmt: skip
        for name in only_streams:
            if inputs.get(name):
                yield Failure(name, f"{name} is for streams: a queue has none.")


def _add_permission(context: Context) -> str:
    prefix = context.inputs.get("statementIdPrefix", "pulumi-")
    statement = context.inputs.get("statementId") or f"{prefix}{secrets.token_hex(13)}"
    context.call("AddPermission", **context.request() | {"StatementId": statement})
    context.id = statement
    return context.id


def _statement(context: Context) -> dict[str, Any] | None:
    function, qualifier = context.inputs["function"], context.inputs.get("qualifier")
    found = or_missing(lambda: context.call("GetPolicy", FunctionName=function, Qualifier=qualifier))
    statements = json.loads(found["Policy"])["Statement"] if found else []
    return next((item for item in statements if item["Sid"] == context.id), None)


def _read_permission(context: Context) -> Properties | None:
    if "/" in context.id:  # an import: FUNCTION/STATEMENT or FUNCTION:QUALIFIER/STATEMENT
        function, _, context.id = context.id.rpartition("/")
        name, _, qualifier = function.partition(":") if not function.startswith("arn:") else (function, "", "")
        context.inputs = {"function": name} | ({"qualifier": qualifier} if qualifier else {})
    statement = _statement(context)
    if statement is None:
        return None
    principal = statement["Principal"]
    conditions = {
        key.lower(): value for block in statement.get("Condition", {}).values() for key, value in block.items()
    }
    state = {
        "statementId": context.id,
        "action": statement["Action"],
        "principal": _principal(principal, context.inputs.get("principal")),
        "function": context.inputs["function"],
        "qualifier": context.inputs.get("qualifier"),
        "sourceArn": conditions.get("aws:sourcearn"),
        "sourceAccount": conditions.get("aws:sourceaccount"),
        "principalOrgId": conditions.get("aws:principalorgid"),
        "eventSourceToken": conditions.get("lambda:eventsourcetoken"),
        "functionUrlAuthType": conditions.get("lambda:functionurlauthtype"),
    }
    return {key: value for key, value in state.items() if value is not None}


def _principal(found: Any, given: Any) -> Any:
    value = found if isinstance(found, str) else next(iter(found.values()))
    # An account's number comes back as its root's ARN.
    return given if isinstance(given, str) and value == f"arn:aws:iam::{given}:root" else value


def _remove_permission(context: Context) -> None:
    names = {"FunctionName": context.old["function"], "Qualifier": context.old.get("qualifier")}
    context.call("RemovePermission", StatementId=context.id, **names)


_PERMISSION = (
    "action", "function", "principal", "eventSourceToken", "functionUrlAuthType", "principalOrgId", "qualifier",
    "sourceAccount", "sourceArn", "statementId", "statementIdPrefix",
)  # fmt: skip

RESOURCES = (
    ResourceType(
        token="aws:lambda/eventSourceMapping:EventSourceMapping",
        service="lambda",
        operation="CreateEventSourceMapping",
        create=_create,
        read=_read,
        delete=_delete,
        updates=(Update(_CHANGEABLE, _change),),
        names={
            "destinationConfig.onFailure.destinationArn": "Destination",
            "uuid": "UUID",
            "arn": "EventSourceMappingArn",
            "sourceAccessConfigurations.uri": "URI",
            "tags": None,
        },
        immutable=(
            "eventSourceArn", "startingPosition", "startingPositionTimestamp", "amazonManagedKafkaEventSourceConfig",
            "selfManagedEventSource", "selfManagedKafkaEventSourceConfig", "topics", "queues",
        ),
        defaults={"enabled": True},
        computed=("batchSize", "maximumBatchingWindowInSeconds", "maximumRecordAgeInSeconds", "maximumRetryAttempts",
                  "parallelizationFactor"),
        # AWS tells the start of a stream mapping, but no longer than it is of use.
        write_only=("startingPosition", "startingPositionTimestamp"),
        told_as={"startingPositionTimestamp": _whole_seconds},
        unordered=("functionResponseTypes", "filterCriteria.filters", "sourceAccessConfigurations"),
        unsupported=(
            "useResourceTimeoutForPropagation", "documentDbEventSourceConfig", "amazonManagedKafkaEventSourceConfig",
            "selfManagedEventSource", "selfManagedKafkaEventSourceConfig",
        ),
        tagging=Tagging("Resource", listing="ListTags"),
        rules=(_rules,),
        # One function has one mapping for each source.
        deletes_first=True,
        transient=(
            Transient("InvalidParameterValueException", "cannot be assumed by Lambda"),
            Transient("InvalidParameterValueException", "execution role does not have permissions"),
            Transient("InvalidParameterValueException", "ensure the role can perform"),
            Transient("ResourceInUseException"),
            Transient("ResourceConflictException", "being updated"),
        ),
    ),
    ResourceType(
        token="aws:lambda/permission:Permission",
        service="lambda",
        operation="AddPermission",
        create=_add_permission,
        read=_read_permission,
        delete=_remove_permission,
        names={"function": "FunctionName"},
        immutable=_PERMISSION,
        computed=("statementId",),
        write_only=("statementIdPrefix",),
        unsupported=("invokedViaFunctionUrl",),
        transient=(Transient("ResourceConflictException", "in progress"), Transient("PreconditionFailedException")),
    ),
)  # fmt: skip
