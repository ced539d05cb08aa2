"""Starting an execution twice by the same name: the same one while it runs with the same input, else refused.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response

from localcloud.emulator.patching import replaces

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    @replaces("ministack.services.stepfunctions", "_start_execution", source="9923282fc76c")
    def start_execution(original: Callable[[Json], Answer], request: Json) -> Answer:
        from ministack.services import stepfunctions

        machine = stepfunctions._state_machines.get(request.get("stateMachineArn"))
        if machine is not None and machine["type"] == "STANDARD" and request.get("name"):
            arn = f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{machine['name']}:{request['name']}"
            known = stepfunctions._executions.get(arn)
            if known and known["status"] == "RUNNING" and known["input"] == request.get("input", "{}"):
                return json_response({"executionArn": arn, "startDate": known["startDate"]})  # type: ignore[no-any-return]
        return original(request)
