"""StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask: dead letters back to where they came from.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html
"""

import asyncio
import base64
import json
import time
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import new_uuid

from localcloud.emulator.access.authorization import AccessDenied, require
from localcloud.emulator.access.callers import caller
from localcloud.emulator.access.request_resources import queue_of_move_task
from localcloud.emulator.queues.dead_letters import sources_of
from localcloud.emulator.queues.messages import Message, RefusedError
from localcloud.emulator.queues.receiving import take_out
from localcloud.emulator.queues.sending import put
from localcloud.emulator.resetting import on_reset

Queue = dict[str, Any]
Answer = dict[str, Any]

MAX_PER_SECOND = 500
MAX_RESULTS = 10
# What the caller needs besides the action itself: the redrive page, "Configuring queue permissions".
_ON_SOURCE = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
ACTIVE = ("RUNNING", "CANCELLING")


@dataclass
class Task:
    """One move. `to_move` is what the source held when it began; `per_second` None moves everything at once."""

    source_arn: str
    destination_arn: str | None
    per_second: int | None
    to_move: int
    started_ms: int
    status: str = "RUNNING"
    moved: int = 0
    failure: str | None = None
    handle: str = field(init=False)

    def __post_init__(self) -> None:
        content = {"taskId": new_uuid(), "sourceArn": self.source_arn}
        self.handle = base64.b64encode(json.dumps(content).encode()).decode()

    @property
    def shown(self) -> Answer:
        """As ListMessageMoveTasks shows it: the handle only while the task runs."""
        known: Answer = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source_arn,
            "DestinationArn": self.destination_arn,
            "MaxNumberOfMessagesPerSecond": self.per_second,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.failure,
            "StartedTimestamp": self.started_ms,
        }
        return {name: value for name, value in known.items() if value is not None}


# By source queue, the newest first.
_tasks: dict[str, list[Task]] = {}


async def _start(data: dict[str, Any], _url: str) -> Answer:
    from ministack.services import sqs

    source = _existing(data.get("SourceArn"), "SourceArn")
    destination_arn = data.get("DestinationArn") or None
    if destination_arn is not None:
        _existing(destination_arn, "DestinationArn")
    arn, per_second = source["attributes"]["QueueArn"], data.get("MaxNumberOfMessagesPerSecond")
    if per_second is not None and not 1 <= int(per_second) <= MAX_PER_SECOND:
        raise sqs._Err(
            "InvalidParameterValue",
            f"Value {per_second} for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: must be between 1 and "
            f"{MAX_PER_SECOND}.",
        )
    sources = [one["attributes"]["QueueArn"] for one in sources_of(arn)]
    if not sources:
        raise sqs._Err("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    _require_permissions(arn, [destination_arn] if destination_arn else sources)
    known = _tasks.setdefault(arn, [])
    if any(task.status in ACTIVE for task in known):
        raise sqs._Err(
            "UnsupportedOperation",
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        )
    task = Task(
        arn, destination_arn, int(per_second) if per_second else None, len(source["messages"]), int(time.time() * 1000)
    )
    known.insert(0, task)
    asyncio.get_running_loop().create_task(_run(task))
    return {"TaskHandle": task.handle}


def _list(data: dict[str, Any], _url: str) -> Answer:
    arn = _existing(data.get("SourceArn"), "SourceArn")["attributes"]["QueueArn"]
    most = min(int(data.get("MaxResults") or 1), MAX_RESULTS)
    return {"Results": [task.shown for task in _tasks.get(arn, [])[:most]]}


def _cancel(data: dict[str, Any], _url: str) -> Answer:
    from ministack.services import sqs

    handle = data.get("TaskHandle") or ""
    task = next((one for one in _tasks.get(queue_of_move_task(handle), []) if one.handle == handle), None)
    if task is None:
        raise sqs._Err("ResourceNotFoundException", "Task does not exist.", 404)
    if task.status != "RUNNING":
        raise sqs._Err("UnsupportedOperation", "Only active tasks can be cancelled.")
    task.status = "CANCELLING"
    return {"ApproximateNumberOfMessagesMoved": task.moved}


async def _run(task: Task) -> None:
    """Move what is not in flight, one by one, until nothing is left of what the source held at the start."""
    from ministack.services import sqs

    while task.status == "RUNNING" and task.moved < task.to_move:
        source = sqs._queue_by_arn(task.source_arn)
        message = _next(source) if source else None
        if source is None or message is None:
            break
        task.failure = _move(task, source, message)
        if task.failure is not None:
            task.status = "FAILED"
            return
        task.moved += 1
        await asyncio.sleep(1 / task.per_second if task.per_second else 0)
    task.status = "COMPLETED" if task.status == "RUNNING" else "CANCELLED"


def _next(source: Queue) -> dict[str, Any] | None:
    now = time.time()
    return next((one for one in source["messages"] if one["visible_at"] <= now), None)


def _move(task: Task, source: Queue, message: dict[str, Any]) -> str | None:
    """Move one message, which is a new one from then on; returns why it cannot be moved, or None."""
    from ministack.services import sqs

    arn = task.destination_arn or message["sys"].get("DeadLetterQueueSourceArn")
    if not arn:
        return "CouldNotDetermineMessageSource"
    destination = sqs._queue_by_arn(arn)
    if destination is None:
        return "AWS.SimpleQueueService.NonExistentQueue"
    fifo = destination["is_fifo"]
    moved = Message(
        message["body"],
        message["message_attributes"],
        message["group_id"],
        message["id"] if fifo else None,  # a redriven message is no duplicate of the first one
        trace_header=message["sys"].get("AWSTraceHeader"),
    )
    try:
        put(destination, moved, message["sys"].get("SenderId"))
    except RefusedError as refused:
        return refused.code
    take_out(source, [message])
    return None


def _existing(arn: Any, parameter: str) -> Queue:
    from ministack.services import sqs

    queue: Queue | None = sqs._queue_by_arn(str(arn or ""))
    if queue is None:
        raise sqs._Err(
            "ResourceNotFoundException",
            f"The resource that you specified for the {parameter} parameter doesn't exist.",
            404,
        )
    return queue


def _require_permissions(source_arn: str, destination_arns: list[str]) -> None:
    from ministack.services import sqs

    try:
        for action in _ON_SOURCE:
            require(caller(), action, source_arn)
        for arn in destination_arns:
            require(caller(), "sqs:SendMessage", arn)
    except AccessDenied as denied:
        raise sqs._Err("AccessDenied", str(denied), 403) from None


def install() -> None:
    from ministack.services import sqs

    sqs._HANDLERS |= {
        "StartMessageMoveTask": _start,
        "ListMessageMoveTasks": _list,
        "CancelMessageMoveTask": _cancel,
    }
    on_reset(_tasks.clear)
