"""A source with its stream, a replicator and a replica in memory, while somebody writes and a backfill runs."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError
from fake_deployment import FakeLambda, FakeS3, deployment
from fake_table import FakeDynamoDB
from hypothesis import strategies as st

from operations.instruments.items import key_of
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item
from operations.table_replica import backfilling

KEYS = [str(number) for number in range(12)]
Change = tuple[str, int | None]
CHANGES = st.lists(st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.integers(0, 9))), max_size=40)


class KilledError(Exception):
    """The process ends here."""


class Replica(FakeDynamoDB):
    """With conditional puts, and with transactions that check `positions`."""

    positions: set[str]

    def call(self, operation: str, body: bytes) -> Any:
        return getattr(self, f"_{operation}")(json.loads(body))

    def _PutItem(self, request: Any) -> Any:  # noqa: N802
        if key_of(request["Item"], self.keys) in self.items:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")
        self.put(request["Item"])
        return {}

    def _TransactWriteItems(self, request: Any) -> Any:  # noqa: N802
        puts = [action["Put"]["Item"] for action in request["TransactItems"][::2]]
        checks = [action["ConditionCheck"]["Key"] for action in request["TransactItems"][1::2]]
        assert len(request["TransactItems"]) <= 100
        failed = [
            failed
            for item, key in zip(puts, checks, strict=True)
            for failed in (key_of(item, self.keys) in self.items, key_of(key, self.keys) in self.positions)
        ]
        if any(failed):
            reasons = [{"Code": "ConditionalCheckFailed" if one else "None"} for one in failed]
            answer: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
            raise ClientError(answer, "TransactWriteItems")
        self.put(*puts)
        return {}


class World:
    """A source with its stream, the replicator's place in it, and a replica.

    At every page that is read some changes are written, and some records may be applied, as far as the mapping lets.
    """

    def __init__(self, before: list[Change], meanwhile: list[Change], applied: list[int], guarded: bool) -> None:
        self.source, self.replica, self.s3 = FakeDynamoDB(on_scan=self._on_scan), Replica(), FakeS3()
        self.replica.positions = set()
        self.lambda_ = FakeLambda(on_state=self._on_state)
        self.guarded = guarded
        self.stream: list[tuple[str, Item | None]] = []
        self.place, self.held_at = 0, None
        self.meanwhile, self.applied = iter(meanwhile), iter(applied)
        # What was there before the stream was.
        for key, value in before:
            self._write(key, value)
        self.stream.clear()
        self.kill_at = -1
        self.deployment = deployment(self.source, self.replica, self.lambda_, self.s3, "positions" if guarded else None)

    def _write(self, key: str, value: int | None) -> None:
        item = {"PK": {"S": key}, "v": {"N": str(value)}}
        if value is None:
            self.source.items.pop(key_of(item, self.source.keys), None)
        else:
            self.source.put(item)
        self.stream.append((key_of(item, self.source.keys), None if value is None else item))

    def _on_scan(self) -> None:
        for _ in range(2):
            if change := next(self.meanwhile, None):
                self._write(*change)
        # A batch that was read before the hold may still be under way.
        self.apply(next(self.applied, 0))
        self.kill_at -= 1
        if self.kill_at == 0:
            raise KilledError

    def _on_state(self, state: str) -> None:
        self.held_at = len(self.stream) if state == "Disabled" else None

    def apply(self, count: int) -> None:
        """The replicator applies so many records, none from after a hold."""
        end = min(self.place + count, len(self.stream) if self.held_at is None else self.held_at)
        for key, item in self.stream[self.place : end]:
            self.replica.items.pop(key, None)
            if item is not None:
                self.replica.items[key] = item
            self.replica.positions.add(key)
        self.place = max(self.place, end)

    def backfill(self, segments: int) -> None:
        backfilling.backfill(self.deployment, RateLimit(None), RateLimit(None), lambda written, kept: None, segments)
