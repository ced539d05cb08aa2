"""PutFunctionEventInvokeConfig's ranges, and UpdateFunctionEventInvokeConfig, which keeps what is not given.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionEventInvokeConfig.html
"""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.emulator.request_gate import Call, Response, before, json_error

RANGES = {"MaximumRetryAttempts": (0, 2), "MaximumEventAgeInSeconds": (60, 21_600)}

_FUNCTION = re.compile(r"/functions/([^/]+)/event-invoke-config$")


def range_problem(data: Mapping[str, Any]) -> str | None:
    """The validation error of the first number out of its range, or None. Pure."""
    for name, (least, most) in RANGES.items():
        value = data.get(name)
        if value is not None and not least <= value <= most:
            bound = f"greater than or equal to {least}" if value < least else f"less than or equal to {most}"
            return (
                f"1 validation error detected: Value '{value}' at '{name[0].lower()}{name[1:]}' failed to satisfy "
                f"constraint: Member must have value {bound}"
            )
    return None


def _updated(call: Call) -> Response | None:
    """The answer to an update; the emulator answers when there is nothing to update."""
    from ministack.services import lambda_svc

    found = _FUNCTION.search(call.path)
    if found is None:
        return None
    name, in_path = lambda_svc._resolve_request_scoped_name_and_qualifier(found[1])
    qualifier = lambda_svc._qualifier_from_path_or_query(in_path, call.query_params)
    known = lambda_svc._event_invoke_config(lambda_svc._functions.get(name) or {}, qualifier)
    answer: Response
    if known is None:
        answer = lambda_svc._get_event_invoke_config(name, qualifier)
    else:
        answer = lambda_svc._put_event_invoke_config(name, qualifier, {**known, **call.data})
    return answer


def install() -> None:
    @before("lambda")
    def configure(call: Call) -> Response | None:
        if call.action not in ("lambda:PutFunctionEventInvokeConfig", "lambda:UpdateFunctionEventInvokeConfig"):
            return None
        problem = range_problem(call.data)
        if problem is not None:
            return json_error("ValidationException", problem)
        return _updated(call) if call.action == "lambda:UpdateFunctionEventInvokeConfig" else None
