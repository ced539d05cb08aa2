"""Puts together what both functions use: the stores, the rows and the ways to targets, made at their first use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from handlers.fan_out.backlog import Backlog
from handlers.fan_out.failures import Failures
from handlers.fan_out.lanes import LaneId
from handlers.fan_out.lanes_table import LanesTable
from handlers.fan_out.mapping import MappingTable, Target
from handlers.fan_out.objects import Bucket
from handlers.fan_out.routes import Route, route_of
from handlers.fan_out.serving import Platform
from handlers.fan_out.settings import Settings
from handlers.shared.clients import Renewable, create_client
from handlers.shared.errors import cause_of, describe
from handlers.shared.json_calls import DYNAMODB, JsonCalls
from handlers.shared.report import log_line

__all__ = ["Assembly"]

# Targets at the same time, and calls of theirs beyond the first. A thread is made when it is needed.
THREADS = 64


class Assembly:
    """What a sandbox keeps from one invocation to the next. `answer_s` is how long a target may take to answer."""

    def __init__(self, settings: Settings, answer_s: float) -> None:
        objects = Bucket(settings.failure_bucket, THREADS)
        lanes = LanesTable(settings.lanes_table, _Calls())
        self.settings = settings
        self._answer_s = answer_s
        self.mapping = MappingTable(settings.targets_table)
        self.platform = Platform(
            backlog=Backlog(lanes, objects),
            failures=Failures(objects, settings.function),
            nudge=self.nudge,
            patience_s=settings.patience_s,
            helpers=ThreadPoolExecutor(THREADS),
        )
        self._invoker = Renewable(lambda: create_client("lambda", connections=THREADS))
        self._routes: dict[tuple[str, str], tuple[Target, Route]] = {}

    def routes(self, targets: Iterable[Target]) -> list[Route]:
        """The ways to targets; those of rows that have not changed are kept, with their connections."""
        return [self._route(target) for target in targets]

    def nudge(self, lane: LaneId) -> None:
        """Wakes the drainer for a lane. Where that fails the next sweep does it."""
        payload = json.dumps({"drain": lane._asdict()})
        try:
            with self._invoker.using() as lambda_:
                lambda_.invoke(FunctionName=self.settings.drainer, InvocationType="Event", Payload=payload)
        except Exception as error:
            cause_of(error)
            where = {"FunctionName": self.settings.function, "Target": lane.target}
            log_line({}, where, {"level": "WARNING", "reason": f"the drainer was not woken: {describe(error)}"})

    def _route(self, target: Target) -> Route:
        key = target.row.source_arn, target.row.id
        known = self._routes.get(key)
        if known is None or known[0] is not target:
            known = self._routes[key] = (target, route_of(target, self._answer_s))
        return known[1]


class _Calls:
    """DynamoDB, made anew when credentials are refused."""

    def __init__(self) -> None:
        self._client = Renewable(lambda: JsonCalls(DYNAMODB, connections=THREADS))

    def call(self, operation: str, body: bytes) -> dict[str, Any]:
        with self._client.using() as calls:
            answer: dict[str, Any] = calls.call(operation, body)
        return answer
