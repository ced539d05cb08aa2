"""An execution acts as the state machine's role: what the role may not do fails the state.

https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html and
https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

import json
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.access.authorization import AccessDenied, Session, assume, require
from localcloud.emulator.access.callers import acting, caller
from localcloud.emulator.invocation import FunctionNotFoundError, ThrottledError, execute
from localcloud.emulator.patching import replaces

Json = dict[str, Any]

SERVICE = "states.amazonaws.com"


def execution_error(error: str, cause: str) -> Exception:
    """What fails a state with this error name and cause."""
    from ministack.services import stepfunctions

    return stepfunctions._ExecutionError(error, cause)  # type: ignore[no-any-return]


def required(action: str, resource_arn: str, error: str) -> Session:
    """The role of the execution that runs on this thread. Raises `error` unless it may do this."""
    session = caller()
    try:
        require(session, action, resource_arn)
    except AccessDenied as denied:
        raise execution_error(error, str(denied)) from denied
    return session


def install() -> None:
    """Let executions act as their roles, and ask whether these may invoke functions."""

    @replaces("ministack.services.stepfunctions", "_run_execution", source="996dff84e0e0")
    def run_execution(original: Callable[[str], None], execution_arn: str) -> None:
        from ministack.services import stepfunctions

        execution = stepfunctions._executions.get(execution_arn)
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) if execution else None
        if machine is None:
            original(execution_arn)
            return
        try:
            session = assume(machine["roleArn"], SERVICE, execution["name"], machine["stateMachineArn"])
        except AccessDenied as denied:
            stepfunctions._fail_execution(execution, "States.Runtime", str(denied))
            return
        # The threads of parallel and mapped states copy this context.
        with acting(session):
            original(execution_arn)

    @replaces("ministack.services.stepfunctions", "_call_lambda", source="25830369b126")
    def call_lambda(original: object, function: str, event: Any) -> Any:
        arn = function if function.startswith("arn:") else _function_arn(function)
        required("lambda:InvokeFunction", arn, "Lambda.AWSLambdaException")
        try:
            answer = execute(arn, event)
        except FunctionNotFoundError as missing:
            raise execution_error("Lambda.ResourceNotFoundException", str(missing)) from missing
        except ThrottledError as throttled:
            raise execution_error("Lambda.TooManyRequestsException", str(throttled)) from throttled
        if answer.function_error is None:
            return answer.result
        # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
        result: Json = answer.result if isinstance(answer.result, dict) else {"errorMessage": str(answer.result)}
        raise execution_error(str(result.get("errorType") or "Lambda.Unknown"), json.dumps(result))


def _function_arn(name: str) -> str:
    return f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{name}"
