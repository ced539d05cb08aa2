"""A replica is made equal to its source, whatever made them differ and whatever is written meanwhile."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fake_deployment import FakeLambda, FakeS3, deployment
from fake_table import FakeDynamoDB
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.instruments.items import key_of
from operations.instruments.raw import Item
from operations.instruments.verifying import Report
from operations.table_replica import repairing
from operations.table_replica.repairing import Mended, repair

pytestmark = pytest.mark.pure

KEYS = [str(number) for number in range(8)]
OLD, NEW = "2026-11-22T10:00:00.000", "2026-11-28T10:00:00.000"
POSITIONS = "positions"


@pytest.fixture(autouse=True, scope="module")
def _quick() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("operations.instruments.holding.POLL_S", 0.0)
        patch.setattr(repairing, "LONGEST_WAIT_S", 0.0)
        patch.setattr(repairing, "THREADS", 1)
        yield


def item(key: str, value: int) -> Item:
    return {"PK": {"S": key}, "v": {"N": str(value)}}


def text(key: str) -> str:
    return key_of(item(key, 0), ["PK"])


class Source(FakeDynamoDB):
    """A table whose stream was made at `NEW`."""

    def describe_table(self, TableName: str) -> Any:  # noqa: N803
        return {"Table": {**super().describe_table(TableName)["Table"], "LatestStreamLabel": NEW}}


class Far(FakeDynamoDB):
    """The replica and its positions, with the writes of a repair. What is in `refused` it never takes."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.positions: dict[str, Item] = {}
        self.refused: set[str] = set()

    def describe_table(self, TableName: str) -> Any:  # noqa: N803
        on_demand = {"BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}}
        return {"Table": {**super().describe_table(TableName)["Table"], **on_demand}}

    def batch_get_item(self, request: Any) -> Any:
        self.world.meanwhile()
        [(table, wanted)] = request["RequestItems"].items()
        rows = self.positions if table == POSITIONS else self.items
        found = [rows[key] for key in (key_of(one, self.keys) for one in wanted["Keys"]) if key in rows]
        return {"Responses": {table: found}, "UnprocessedKeys": {}}

    def put_item(self, request: Any) -> Any:
        self.world.meanwhile()
        if key_of(request["Item"], self.keys) in self.refused:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "Type mismatch"}}, "PutItem")
        self.put(request["Item"])
        return {}

    def delete_item(self, request: Any) -> Any:
        self.world.meanwhile()
        self.items.pop(key_of(request["Key"], self.keys), None)
        return {}

    def transact_write_items(self, request: Any) -> Any:
        self.world.meanwhile()
        change, position = request["TransactItems"]
        put = position["Put"]
        key = key_of(put["Item"], self.keys)
        known = self.positions.get(key, {}).get(put["ExpressionAttributeNames"]["#position"])
        holds = {
            "attribute_not_exists(#position)": known is None,
            "#position = :old": known == put.get("ExpressionAttributeValues", {}).get(":old"),
        }
        if not holds[put["ConditionExpression"]]:
            answer: Any = {"Error": {"Code": "TransactionCanceledException"}}
            answer["CancellationReasons"] = [{"Code": "None"}, {"Code": "ConditionalCheckFailed"}]
            raise ClientError(answer, "TransactWriteItems")
        self.positions[key] = put["Item"]
        if "Put" in change:
            self.put(change["Put"]["Item"])
        else:
            self.items.pop(key, None)
        return {}


class World:
    """A source, its streams, and a replica. At every call somebody may write, and the replicator apply what waits."""

    def __init__(self, guarded: bool, seed: int) -> None:
        self.random = random.Random(seed)
        self.guarded = guarded
        self.source, self.far = Source(), Far(self)
        self.source.on_scan = self.meanwhile
        self.s3 = FakeS3()
        self.lambda_ = FakeLambda(on_state=self._on_state)
        self.waiting: list[tuple[str, str, Item | None]] = []
        self.held = False
        self.writes_left = 0
        self.number = 0
        replica = deployment(self.source, self.far, self.lambda_, self.s3, POSITIONS if guarded else None)
        self.replica = dataclasses.replace(replica, source=replica.source)

    def write(self, key: str, value: int | None, label: str | None = NEW) -> None:
        """Change the source; without a label no stream has it."""
        changed = None if value is None else item(key, value)
        if changed is None:
            self.source.items.pop(text(key), None)
        else:
            self.source.put(changed)
        if label is not None:
            self.number += 1
            self.waiting.append((f"{label}#{self.number:040}", key, changed))

    def apply(self, count: int = 1) -> None:
        """The replicator applies what waits."""
        for position, key, changed in self.waiting[:count]:
            known = self.far.positions.get(text(key), {}).get("position", {}).get("S", "")
            if self.guarded and known > position:
                continue
            self.far.positions[text(key)] = {"PK": {"S": key}, "position": {"S": position}}
            self.far.items.pop(text(key), None)
            if changed is not None:
                self.far.items[text(key)] = changed
        del self.waiting[:count]

    def meanwhile(self) -> None:
        if self.writes_left and self.random.random() < 0.5:
            self.writes_left -= 1
            self.write(self.random.choice(KEYS), self.random.choice([None, self.random.randrange(100)]))
        if not self.held and self.random.random() < 0.5:
            self.apply()

    def report(self) -> Report:
        here, there = self.source.items, self.far.items
        report = Report((len(here), len(there)), 1, 1)
        report.missing = sorted(here.keys() - there.keys())
        report.extra = sorted(there.keys() - here.keys())
        report.kept = sorted(key for key in here.keys() | there.keys() if here.get(key) != there.get(key))
        return report

    def repair(self) -> Mended:
        return repair(self.replica, self.report(), self.report, tombstone_days=14)

    def _on_state(self, state: str) -> None:
        self.held = state == "Disabled"


CHANGES = st.lists(st.tuples(st.sampled_from(KEYS), st.none() | st.integers(0, 9)), max_size=12)


@settings(max_examples=150)
@given(
    streamed=CHANGES,
    lost=CHANGES,
    since=CHANGES,
    applied=st.integers(0, 12),
    guarded=st.booleans(),
    seed=st.integers(0, 99),
)
def test_after_a_stream_was_switched_off_and_on_both_end_equal(
    streamed: list[tuple[str, int | None]],
    lost: list[tuple[str, int | None]],
    since: list[tuple[str, int | None]],
    applied: int,
    guarded: bool,
    seed: int,
) -> None:
    """Also when changes of the old stream are applied only after the repair, and while the source goes on changing."""
    world = World(guarded, seed)
    for key, value in streamed:
        world.write(key, value, OLD)
    world.apply(applied)
    for key, value in lost:
        world.write(key, value, None)
    # What is left of the old stream waits in the on-failure bucket, if it is not lost as well.
    given_up, world.waiting = world.waiting, []
    for key, value in since:
        world.write(key, value)
    world.writes_left = 6

    # A repair does not look at what is equal; what waits in the bucket is to be redriven before.
    unseen = {text(key) for _, key, _ in given_up} - set(world.report().kept)
    mended = world.repair()

    assert world.lambda_.get_event_source_mapping("")["State"] in ("Enabling", "Enabled")
    assert world.s3.objects == {}
    if guarded:
        world.waiting = [*given_up, *world.waiting]
    world.apply(len(world.waiting))
    left = {text(key) for key in KEYS if world.source.items.get(text(key)) != world.far.items.get(text(key))}
    assert left <= {*mended.moving, *unseen}
    world.writes_left = 0
    world.repair()
    assert world.far.items == world.source.items


def test_what_was_repaired_is_counted_and_what_has_become_equal_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(guarded=False, seed=1)
    world.source.put(item("1", 1), item("2", 2), item("3", 3))
    world.far.put(item("2", 0), item("4", 4))
    report = world.report()
    world.far.put(item("3", 3))
    mended = repair(world.replica, report, world.report, 14)
    assert (mended.written, mended.removed, mended.settled) == (2, 1, 1)
    assert world.far.items == world.source.items


def test_an_item_that_the_replica_refuses_is_named_and_stops_no_other() -> None:
    world = World(guarded=False, seed=1)
    world.source.put(item("1", 1), item("2", 2))
    world.far.refused.add(text("1"))
    mended = world.repair()
    assert (mended.written, list(mended.refused)) == (1, [text("1")])
    assert "Put them right in the source" in next(mended.told())
    assert mended.as_json(["PK"])["refused"][0]["key"] == {"PK": {"S": "1"}}


def test_a_guarded_item_that_is_changed_all_the_time_is_left_to_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(guarded=True, seed=1)
    world.source.put(item("1", 1))

    def change() -> None:
        world.write("1", world.number)
        world.apply(len(world.waiting))

    monkeypatch.setattr(world, "meanwhile", change)
    mended = repair(world.replica, world.report(), world.report, 14)
    assert (mended.moving, mended.done) in (([text("1")], 0), ([], 1))


def test_more_than_can_be_named_at_once_is_repaired_in_rounds() -> None:
    world = World(guarded=False, seed=1)
    world.source.put(*(item(str(number), number) for number in range(100, 150)))

    def some() -> Report:
        report = world.report()
        report.missing, report.extra = [], []
        report.more = max(0, len(report.kept) - 20)
        report.kept = report.kept[:20]
        return report

    rounds = []
    mended = repair(world.replica, some(), lambda: rounds.append(1) or some(), 14)  # type: ignore[func-returns-value]
    assert (mended.written, len(rounds)) == (50, 2)
    assert world.far.items == world.source.items


def test_a_killed_repair_is_typed_again_and_the_replication_goes_on() -> None:
    world = World(guarded=False, seed=1)
    world.source.put(item("1", 1))

    class KilledError(BaseException):
        pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("operations.instruments.holding._let_go", lambda *_: (_ for _ in ()).throw(KilledError))
        with pytest.raises(KilledError):
            world.repair()
    assert world.lambda_.state == "Disabled"
    world.far.items.clear()
    world.repair()
    assert world.lambda_.get_event_source_mapping("")["State"] in ("Enabling", "Enabled")
    assert (world.far.items, world.s3.objects) == (world.source.items, {})
