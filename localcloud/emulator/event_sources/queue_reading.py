"""Reads queues for mappings: a reader for each mapping, on the event loop, where queues are otherwise used.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html (batching behavior)
"""

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ministack.core.responses import request_scope

from localcloud.emulator.access.authorization import AccessDenied, assume, require
from localcloud.emulator.access.keys import KmsError
from localcloud.emulator.event_sources.access import LAMBDA
from localcloud.emulator.event_sources.queue_batches import process, record_of, wanted
from localcloud.emulator.key_use.queues import require_queue_key
from localcloud.emulator.patching import replaces
from localcloud.emulator.queues.deleting import delete
from localcloud.emulator.queues.messages import RefusedError
from localcloud.emulator.resetting import on_reset

Queue = dict[str, Any]
Stored = dict[str, Any]

# What a payload may have: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
MOST_AT_ONCE = 50
# Batches of a mapping at once: AWS begins with five, and goes on to more than a thousand.
MOST_OF_A_MAPPING = 5
# What AWS does by long polling, without a pause.
POLL_S = 0.05
# No further batch for so long after one that failed, or that could not be read; AWS backs off without saying how long.
PAUSE_S = 1.0

_logger = logging.getLogger(__name__)
_workers = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="queue-batch")
_readers: dict[str, "Reader"] = {}


class Reader:
    """What one mapping (the emulator's record of it) does with its queue until it is stopped."""

    def __init__(self, record: dict[str, Any], account_id: str, region: str) -> None:
        self._record = record
        self._scope = (account_id, region)
        self._arn = str(record["EventSourceArn"])
        self._paused_until = 0.0
        self._in_flight = 0
        self._stopped = False

    def stop(self) -> None:
        """Read no further batch; those in flight end."""
        self._stopped = True

    @property
    def is_done(self) -> bool:
        return self._stopped and self._in_flight == 0

    async def run(self) -> None:
        while not self._stopped:
            try:
                with request_scope(*self._scope):
                    queue = self._readable()
                    messages = await self._gather(queue) if queue is not None else []
                    if queue is not None and messages:
                        self._in_flight += 1
                        asyncio.get_running_loop().create_task(self._process(queue, messages))
                        continue
            except Exception:  # the mapping must go on, whatever one batch met
                _logger.exception("mapping %s", self._record["UUID"])
            await asyncio.sleep(POLL_S)

    def _readable(self) -> Queue | None:
        """The queue, when there may be another batch of it now."""
        from ministack.services import lambda_svc, sqs

        function, config = lambda_svc._get_func_record_for_qualifier(
            self._record["FunctionName"], self._record.get("Qualifier")
        )
        queue: Queue | None = sqs._queue_by_arn(self._arn)
        if not self._record["Enabled"] or time.monotonic() < self._paused_until or queue is None or function is None:
            return None
        limit = (self._record.get("ScalingConfig") or {}).get("MaximumConcurrency") or MOST_OF_A_MAPPING
        reserved = lambda_svc._reserved_concurrency(function, config)
        if self._in_flight >= (limit if reserved is None else min(limit, reserved)):
            return None
        try:
            session = assume(config["Role"], LAMBDA, config["FunctionName"], self._record["FunctionArn"])
            require(session, "sqs:ReceiveMessage", self._arn)
            require_queue_key(session, self._arn)
        except (AccessDenied, KmsError) as denied:
            self._pause(f"PROBLEM: {denied}")
            return None
        return queue

    async def _gather(self, queue: Queue) -> list[Stored]:
        """Receive until the batch or the payload is full, or the window from its first message on is over."""
        from ministack.services import sqs

        most, window_s = int(self._record["BatchSize"]), int(self._record["MaximumBatchingWindowInSeconds"])
        visibility_timeout_s = int(queue["attributes"]["VisibilityTimeout"])
        gathered: list[Stored] = []
        size_bytes, due = 0, None
        while not self._stopped:
            sqs._expire_retained(queue)
            sqs._dlq_sweep(queue)
            received = sqs._collect_msgs(queue, most - len(gathered), visibility_timeout_s)
            for number, one in enumerate(received):
                size_bytes += len(one["body"].encode())
                if size_bytes > MAX_PAYLOAD_BYTES and gathered:
                    _give_back(received[number:])
                    return gathered
                gathered.append(one)
            now = time.monotonic()
            due = due or (now + window_s if gathered else None)
            if due is None or len(gathered) >= most or now >= due:
                break
            await asyncio.sleep(POLL_S)
        return gathered

    async def _process(self, queue: Queue, messages: list[Stored]) -> None:
        """Have the function process a batch; delete what it processed, and what a filter left out."""
        try:
            records = wanted([record_of(one, self._arn) for one in messages], self._record)
            failed: set[str] = set()
            if records:
                failed = await asyncio.get_running_loop().run_in_executor(_workers, process, records, self._record)
            for one in messages:
                if one["id"] not in failed:
                    with suppress(RefusedError):  # its visibility timeout is over: it will be received again
                        delete(queue, one["receipt_handle"])
            if failed:
                self._pause(f"PROBLEM: {len(failed)} of {len(records)} messages were not processed")
            else:
                self._record["LastProcessingResult"] = "OK"
        finally:
            self._in_flight -= 1

    def _pause(self, problem: str) -> None:
        self._record["LastProcessingResult"] = problem
        self._paused_until = time.monotonic() + PAUSE_S


def _give_back(messages: list[Stored]) -> None:
    """Messages that do not fit count as not received."""
    for one in messages:
        one["visible_at"] = time.time()
        one["receive_count"] -= 1


def start(record: dict[str, Any], account_id: str, region: str) -> None:
    """Begin to read for a mapping. To be called on the event loop."""
    reader = _readers[record["UUID"]] = Reader(record, account_id, region)
    asyncio.get_running_loop().create_task(reader.run())


def stop(mapping_id: str) -> Reader | None:
    """Read no further batch for a mapping; returns its reader."""
    reader = _readers.pop(mapping_id, None)
    if reader is not None:
        reader.stop()
    return reader


def _stop_all() -> None:
    for mapping_id in list(_readers):
        stop(mapping_id)


def install() -> None:
    on_reset(_stop_all)

    @replaces("ministack.services.lambda_svc", "_poll_sqs", source="e438a6a1e094")
    def poll(_original: object) -> bool:
        return False
