"""Step Functions state machines."""

from collections.abc import Mapping
from typing import Any

from localcloud.plugin.calls import creates, describes, dig, or_missing
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

_CHANGEABLE = (
    "definition", "encryptionConfiguration", "loggingConfiguration", "publish", "roleArn", "tracingConfiguration",
)  # fmt: skip


def _read(context: Context, state: Properties, live: Mapping[str, Any]) -> Properties | None:
    if live.get("status") == "DELETING":
        return None
    logging = live.get("loggingConfiguration", {})
    if logging.get("level", "OFF") == "OFF":
        state.pop("loggingConfiguration", None)
    else:
        group = dig(logging, "destinations.cloudWatchLogsLogGroup.logGroupArn")
        block = {"level": logging["level"], "includeExecutionData": logging.get("includeExecutionData", False)}
        state["loggingConfiguration"] = block | ({"logDestination": group} if group else {})
    if not state.get("tracingConfiguration", {}).get("enabled"):
        state.pop("tracingConfiguration", None)
    return {"description": "", "revisionId": "", "stateMachineVersionArn": "", "versionDescription": "", **state}


def _change(context: Context) -> None:
    request = context.request("UpdateStateMachine")
    context.call("UpdateStateMachine", **request | {"stateMachineArn": context.id})


def _delete(context: Context) -> None:
    context.call("DeleteStateMachine", stateMachineArn=context.id)

    def look() -> bool | None:
        found = or_missing(lambda: context.call("DescribeStateMachine", stateMachineArn=context.id))
        return True if found is None else None

    context.wait(look, f"state machine {context.id} to be gone")


RESOURCES = (
    ResourceType(
        token="aws:sfn/stateMachine:StateMachine",
        service="stepfunctions",
        operation="CreateStateMachine",
        create=creates("CreateStateMachine", identity=".stateMachineArn"),
        read=describes("DescribeStateMachine", {"stateMachineArn": "id"}, then=_read),
        delete=_delete,
        updates=(Update(_CHANGEABLE, _change),),
        names={
            "loggingConfiguration.logDestination": "destinations",
            "arn": "stateMachineArn",
            "tags": None,
        },
        immutable=("name", "namePrefix", "type"),
        defaults={"publish": False, "type": "STANDARD"},
        computed=("encryptionConfiguration", "loggingConfiguration", "tracingConfiguration"),
        write_only=("namePrefix", "publish"),
        documents=("definition",),
        unsupported=("loggingConfiguration.logDestination", "publish"),
        name=Name(longest=80, prefix_property="namePrefix"),
        tagging=Tagging("resourceArn"),
        transient=(
            Transient("AccessDeniedException", "is not authorized to access the Log Destination"),
            Transient("StateMachineDeleting"),
        ),
    ),
)
