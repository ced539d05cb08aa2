"""The mapping API for queues: what is asked of the queue and the role, and the states that a mapping goes through.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response

from localcloud.emulator.access.authorization import AccessDenied, assume, require
from localcloud.emulator.event_sources import queue_reading
from localcloud.emulator.event_sources.access import LAMBDA
from localcloud.emulator.event_sources.engine import PASSING_STATE_S
from localcloud.emulator.event_sources.validation import InvalidError, require_idle

Answer = tuple[int, dict[str, str], Any]
Request = dict[str, Any]
Record = dict[str, Any]

# What the execution role needs: services-sqs-configure.html (execution role permissions)
_ON_QUEUE = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


def create(original: Callable[[Request], Answer], request: Request, function_arn: str) -> Answer:
    """Create the mapping of a queue that is there and that the role may read. Raises InvalidError."""
    from ministack.services import lambda_svc

    name, qualifier, _ = lambda_svc._resolve_existing_esm_function(request.get("FunctionName", ""))
    function, config = lambda_svc._get_func_record_for_qualifier(name, qualifier)
    _require_readable(request["EventSourceArn"], config or (function or {}).get("config") or {}, function_arn)
    status, headers, body = original(request)
    if status >= 300:
        return status, headers, body
    record = lambda_svc._esms[json.loads(body)["UUID"]]
    queue_reading.start(record, get_account_id(), get_region())
    return _passing(record, "Creating", 202)


def update(original: Callable[[str, Request], Answer], record: Record, request: Request) -> Answer:
    """Change a mapping; the answer shows a passing state. Raises InvalidError."""
    require_idle(record)
    before = record["Enabled"]
    status, headers, body = original(record["UUID"], request)
    if status >= 300:
        return status, headers, body
    enabled = record["Enabled"]
    return _passing(record, "Updating" if enabled == before else "Enabling" if enabled else "Disabling", 202)


def delete(original: Callable[[str], Answer], record: Record) -> Answer:
    """Read no further batch, and forget the mapping once those in flight have ended."""
    record["Enabled"] = False
    answer = _passing(record, "Deleting", 202)
    asyncio.get_running_loop().create_task(_forget(original, record))
    return answer


async def _forget(original: Callable[[str], Answer], record: Record) -> None:
    reader = queue_reading.stop(record["UUID"])
    await asyncio.sleep(PASSING_STATE_S)
    while reader is not None and not reader.is_done:
        await asyncio.sleep(PASSING_STATE_S)
    original(record["UUID"])


def _passing(record: Record, state: str, status: int) -> Answer:
    """The answer with a passing state, which the mapping leaves by itself."""
    from ministack.services import lambda_svc

    record |= {"State": state, "StateTransitionReason": "USER_INITIATED", "LastModified": time.time()}
    if state != "Deleting":
        asyncio.get_running_loop().call_later(PASSING_STATE_S, _settle, record, state)
    answer: Answer = json_response(lambda_svc._esm_response(record), status)
    return answer


def _settle(record: Record, state: str) -> None:
    if record["State"] == state:
        record["State"] = "Enabled" if record["Enabled"] else "Disabled"


def _require_readable(queue_arn: str, config: Mapping[str, Any], function_arn: str) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    from ministack.services import sqs

    region = queue_arn.split(":")[3]
    if region != get_region():
        raise InvalidError(f"Event source region must match Lambda region {get_region()}.")
    queue = sqs._queue_by_arn(queue_arn)
    if queue is None:
        raise InvalidError(
            "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error "
            "Message: The specified queue does not exist."
        )
    try:
        session = assume(str(config.get("Role", "")), LAMBDA, str(config.get("FunctionName", "")), function_arn)
        for action in _ON_QUEUE:
            require(session, f"sqs:{action}", queue_arn)
    except AccessDenied as denied:
        action = denied.action.partition(":")[2]
        raise InvalidError(
            f"The provided execution role does not have permissions to call {action} on SQS. {denied}"
        ) from None
    timeout_s, visible_s = int(config.get("Timeout") or 3), int(queue["attributes"]["VisibilityTimeout"])
    if visible_s < timeout_s:
        raise InvalidError(
            f"Queue visibility timeout: {visible_s} seconds is less than Function timeout: {timeout_s} seconds"
        )
