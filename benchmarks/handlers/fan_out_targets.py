"""Nine targets of seven services that answer in this process, and the platform that sends to them.

A call is answered 5 ms after it was made, each store call of the platform likewise. A stalled service does not answer
within the client's time-out.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError

from benchmarks.handlers.workload import ENVIRONMENT, Context, _Raw, kinesis_event
from handlers.fan_out.backlog import Backlog
from handlers.fan_out.failures import Failures
from handlers.fan_out.inputs import Inputs
from handlers.fan_out.mapping import target_of
from handlers.fan_out.routes import Route, route_of
from handlers.fan_out.rows import item_of, row_of
from handlers.fan_out.serving import Batch, Platform, Served, serve_all
from handlers.shared.time_budget import TimeBudget
from tests.handlers.fan_out.memory import MemoryLanes, MemoryObjects

LATENCY_S = 0.005
# Of the platform, and so of a call on the direct lane.
PATIENCE_S = 2.0
SOURCE = "arn:aws:kinesis:eu-west-1:111111111111:stream/web-analytics"
_IN = "eu-west-1:111111111111"
# Name of a target, its type and destination.
TARGETS: Mapping[str, tuple[str, str]] = {
    "sns": ("sns", f"arn:aws:sns:{_IN}:topic"),
    "sqs": ("sqs", "https://sqs.eu-west-1.amazonaws.com/111111111111/queue"),
    "es": ("es", "search-domain-abc.eu-west-1.es.amazonaws.com#index"),
    "kinesis": ("kinesis", "stream"),
    "firehose": ("firehose", "delivery"),
    "iot": ("iot", "abc-ats.iot.eu-west-1.amazonaws.com#topic"),
    "lambda": ("lambda", "function"),
    "second queue": ("sqs", "https://sqs.eu-west-1.amazonaws.com/111111111111/second"),
    "second stream": ("kinesis", "second"),
}
_ANSWERS = {
    "sns": b"<PublishBatchResponse><PublishBatchResult/></PublishBatchResponse>",
    "es": b'{"errors":false,"items":[]}',
    "kinesis": b'{"FailedRecordCount":0,"Records":[]}',
    "firehose": b'{"FailedPutCount":0,"RequestResponses":[]}',
}
_SERVICES = ("firehose", "kinesis", "lambda", "sns", "sqs", "iot", "es")


class Services:
    """What the services got: `calls` and `messages` by service."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.stalled: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Every call of botocore is one of these."""
        with (
            patch.dict(os.environ, ENVIRONMENT),
            patch("botocore.httpsession.URLLib3Session.send", lambda _session, request: self.send(request)),
        ):
            yield

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """One call."""
        host = str(urlsplit(request.url).hostname).split(".")
        service = next(name for name in _SERVICES if name in host)
        if service in self.stalled:
            time.sleep(PATIENCE_S)
            raise ReadTimeoutError(endpoint_url=request.url)
        time.sleep(LATENCY_S)
        with self._lock:
            self.calls[service] += 1
            self.messages[service] += _messages(service, request.body)
        status = 202 if service == "lambda" else 200
        return AWSResponse(request.url, status, HTTPHeaders(), _Raw(_ANSWERS.get(service, b"{}")))


def _messages(service: str, body: Any) -> int:
    if service == "iot":
        return 1
    text = body if isinstance(body, str) else bytes(body).decode()
    if service == "sns":
        return text.count(".Id=")
    if service == "es":
        return text.count("\n") // 2
    content = json.loads(text)
    return len(content.get("Records") or content["Entries"])


class Slow:
    """A store whose calls take as long as those of services, one thread at a time as a transaction would."""

    def __init__(self, store: Any) -> None:
        self._store, self._lock = store, threading.Lock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*arguments: Any, **options: Any) -> Any:
            time.sleep(LATENCY_S)
            with self._lock:
                return method(*arguments, **options)

        return call


def platform() -> Platform:
    """A platform without backlogs."""
    objects = Slow(MemoryObjects())
    backlog = Backlog(Slow(MemoryLanes()), objects)
    return Platform(backlog, Failures(objects, "fanout"), lambda _lane: None, PATIENCE_S, ThreadPoolExecutor(64))


def routes(names: Sequence[str], **options: Any) -> list[Route]:
    """The ways to targets by their names."""
    rows = []
    for name in names:
        kind, destination = TARGETS[name]
        row = {"sourceArn": SOURCE, "id": name, "type": kind, "destination": destination, "active": True}
        rows.append(row_of(item_of({**row, "collapse": "none", **options})))
    return [route_of(target_of(row), PATIENCE_S) for row in rows]


def serve(on: Platform, to: Sequence[Route], records: Sequence[Mapping[str, Any]]) -> list[Served]:
    """One invocation."""
    budget = TimeBudget(Context().get_remaining_time_in_millis)
    return serve_all(Batch(SOURCE, Inputs(records), str), to, on, budget)


def batches(count: int, size: int) -> list[Sequence[Mapping[str, Any]]]:
    """Batches of records of about 400 bytes."""
    records = kinesis_event(count * size)["Records"]
    return [records[start : start + size] for start in range(0, count * size, size)]


def numbered_anew(records: Sequence[Mapping[str, Any]], batch: int) -> list[Mapping[str, Any]]:
    """The same records with other sequence numbers: those that come again would be the same entry of a backlog."""
    return [
        {**one, "kinesis": {**one["kinesis"], "sequenceNumber": f"{one['kinesis']['sequenceNumber']}{batch:06}"}}
        for one in records
    ]
