"""A dead-letter queue or a destination is refused unless the execution role may send to it.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html (permissions)
"""

from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope

from localcloud.emulator.access.authorization import AccessDenied, assume, require
from localcloud.emulator.access.request_resources import resource_of
from localcloud.emulator.asynchronous.destinations import ACTIONS, LAMBDA
from localcloud.emulator.request_gate import Call, Response, before, json_error

CONFIGURING = ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration")
CHOOSING = ("lambda:PutFunctionEventInvokeConfig", "lambda:UpdateFunctionEventInvokeConfig")
# How the refusal of a dead-letter queue names the two services.
_NAMES = {"sqs": "SQS", "sns": "SNS"}


def _targets(call: Call) -> dict[str, str]:
    """What is to be sent to, with the words that name it in a refusal."""
    data: Any = call.data
    if call.action in CONFIGURING:
        arn = str((data.get("DeadLetterConfig") or {}).get("TargetArn") or "")
        return {arn: _NAMES[arn.split(":")[2]]} if arn.count(":") >= 5 and arn.split(":")[2] in _NAMES else {}
    if call.action in CHOOSING:
        chosen = (data.get("DestinationConfig") or {}).values()
        arns = [str((one or {}).get("Destination") or "") for one in chosen]
        return {arn: arn for arn in arns if arn.count(":") >= 5 and arn.split(":")[2] in ACTIONS}
    return {}


def _role_of(call: Call, function_arn: str) -> str:
    """The role that the function has, or is to have."""
    from ministack.services import lambda_svc

    given = call.data.get("Role") if call.action in CONFIGURING else None
    if given:
        return str(given)
    with request_scope(get_account_id(), get_region()):
        function = lambda_svc._functions.get(function_arn.split(":")[6]) or {}
    return str((function.get("config") or {}).get("Role") or "")


def install() -> None:
    @before("lambda")
    def only_where_the_role_may_send(call: Call) -> Response | None:
        targets = _targets(call)
        if not targets:
            return None
        function_arn = resource_of(call)
        role_arn = _role_of(call, function_arn)
        if not role_arn:
            return None  # there is no such function
        for arn, name in targets.items():
            action = ACTIONS[arn.split(":")[2]]
            resource = f"{arn}/aws/lambda/async/check" if action == "s3:PutObject" else arn
            try:
                require(assume(role_arn, LAMBDA, "check", function_arn), action, resource)
            except AccessDenied:
                operation = action.partition(":")[2]
                return json_error(
                    "InvalidParameterValueException",
                    f"The provided execution role does not have permissions to call {operation} on {name}",
                )
        return None
