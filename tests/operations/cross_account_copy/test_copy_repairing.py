"""A copy is made equal from what is before each of its ends; what cannot be repaired is named with the reason."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

import pytest
from fake_ends import FakeDynamoDB, FakeKinesis, FakeS3, failed_object, record
from fake_streams import FakeLambda, function

from operations.cross_account_copy import partitions, stream
from operations.cross_account_copy.deployed import Ends, Source, Target
from operations.cross_account_copy.expecting import StreamRecord, items_of
from operations.cross_account_copy.lake import Delivery, Lake
from operations.cross_account_copy.repairing import Mended, intention, repair
from operations.cross_account_copy.report import Report
from operations.cross_account_copy.stream import Stream
from operations.cross_account_copy.verifying import compared
from operations.instruments.failures import Failures
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item
from operations.instruments.tables import Table

pytestmark = pytest.mark.pure

TABLE, CLICKS = "copy", "clicks"
COPIER, FORWARDER, WRITER = "copier", "forwarder", "writer"
KINESIS = "arn:aws:kinesis:eu-west-1:111111111111:stream/clicks"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.instruments.holding.POLL_S", 0.0)
    monkeypatch.setattr(stream, "CALLS_PER_S", None)
    monkeypatch.setattr(stream, "BYTES_PER_S", None)
    monkeypatch.setattr(partitions, "PARTITIONS", 3)


@dataclass
class World:
    """Both ends of a copy in memory. The functions do what theirs do: a line for each image, a click for each."""

    records: list[StreamRecord]
    table: FakeDynamoDB = field(default_factory=FakeDynamoDB)
    clicks: FakeDynamoDB = field(default_factory=lambda: FakeDynamoDB(keys=("user", "time")))
    lake: FakeS3 = field(default_factory=FakeS3)
    failures: FakeS3 = field(default_factory=FakeS3)
    refused: str | None = None
    states: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.forwarder, self.writer = FakeLambda(apply=self._forward), FakeLambda(apply=self._click)
        self.functions = {
            FORWARDER: function(self.forwarder, self.failures, FORWARDER),
            WRITER: function(self.writer, self.failures, WRITER),
        }

    def repair(self) -> tuple[Report, list[str], Mended]:
        """What was found, what was said, and what was done."""
        kinesis = FakeKinesis({self.records[0].shard_id: self.records} if self.records else {})
        delivery = Delivery("lines/", "", "UNCOMPRESSED", buffer_s=0)
        given_up = {name: Failures(self.failures, "failures", name) for name in (COPIER, FORWARDER, WRITER)}  # type: ignore[arg-type]  # stands for a client
        ends = Ends(
            Source(Stream(kinesis, "clicks"), given_up[COPIER], {"table": TABLE}),  # type: ignore[arg-type]
            Target(
                [Table(self.table, TABLE)],  # type: ignore[arg-type]
                lake=(Lake(self.lake, "lake", delivery), given_up[FORWARDER]),  # type: ignore[arg-type]
                clicks=(Table(self.clicks, CLICKS), given_up[WRITER]),  # type: ignore[arg-type]
            ),
        )
        patience = Patience(settle_s=0, longest_s=0, clock=lambda: 0.0, sleep=lambda seconds: None)
        mended = Mended()
        comparing = compared(ends, RateLimit(None), patience, lambda _, __: lambda count: None)
        with comparing as (report, found):
            told = list(intention(found))
            repair(found, self.functions, mended)
        return report, told, mended

    def _forward(self, records: list[Any]) -> None:
        for place, one in enumerate(records):
            image = one["dynamodb"]["NewImage"]
            if image["sequenceNumber"]["S"] == self.refused:
                self._poison(FORWARDER, one)
                continue
            self.lake.objects[f"lines/{len(self.lake.objects)}-{place}"] = line(image)

    def _click(self, records: list[Any]) -> None:
        self.states.append(self.writer.state)
        for one in records:
            self.clicks.put(one["dynamodb"]["NewImage"])

    def _poison(self, name: str, one: Any) -> None:
        table, label = one["eventSourceARN"].split("/")[1::2]
        key = f"poison/{name}/{table}.{label}/-/{one['dynamodb']['SequenceNumber']}.json"
        self.failures.put_object("failures", key, json.dumps({"reason": "too large for Firehose"}).encode())


def sent(number: int, value: int = 1) -> StreamRecord:
    return record(number, json.dumps({"user": f"u{number}", "time": f"t{number}", "v": value}).encode())


def item(one: StreamRecord) -> Item:
    [wanted] = items_of(one)
    assert wanted.item is not None
    return wanted.item


def line(image: Item) -> bytes:
    return json.dumps({name: int(one["N"]) if "N" in one else one["S"] for name, one in image.items()}).encode()


def equal(world: World, *records: StreamRecord) -> bool:
    """Whether all three ends have these records' items, and the lake's last line of each is right."""
    wanted = {json.dumps(item(one), sort_keys=True) for one in records}
    tables = [
        {json.dumps(one, sort_keys=True) for one in table.items.values()} for table in (world.table, world.clicks)
    ]
    lines = set(world.lake.objects.values())
    return tables == [wanted, wanted] and {line(item(one)) for one in records} <= lines


def test_what_is_missing_or_differs_is_written_and_what_is_extra_removed_at_every_end() -> None:
    records = [sent(number) for number in range(1, 7)]
    world = World(records)
    _, here, lineless, clickless, *_ = records
    world.table.put(*map(item, (here, lineless, clickless, records[5])), {**item(records[4]), "v": {"N": "7"}})
    stranger = {**item(sent(3)), "sequenceNumber": {"S": f"{sent(3).sequence_number}9"}, "user": {"S": "stranger"}}
    world.table.put(stranger)
    for one in (here, clickless, records[5]):
        world.lake.objects[f"lines/of-{one.sequence_number}"] = line(item(one))
    world.clicks.put(item(here), item(lineless), {**item(records[5]), "v": {"N": "8"}})
    gone = {**item(sent(99)), "user": {"S": "gone"}}
    world.clicks.put(gone)

    report, told, first = world.repair()
    assert not report.equal
    assert [one.partition(": ")[0] for one in told] == [TABLE, "s3://lake/lines/", CLICKS]
    assert (first.written, first.removed) == (2, 2)
    # What was put right in the tables comes to the other ends by the tables' streams, here by a second repair.
    report, _, _ = world.repair()
    assert report.sections["stream"].equal
    report, _, third = world.repair()
    assert {name: section.found for name, section in report.sections.items() if not section.equal} == {}
    assert (third.done, third.left) == (0, {})
    assert equal(world, *records)
    assert set(world.states) == {"Disabled"}


def test_a_record_that_has_left_the_stream_is_taken_from_the_on_failure_bucket() -> None:
    left, unfit, here = sent(1), record(2, b"no JSON"), sent(5)
    world = World([here])
    world.table.put(item(here))
    for number, one in enumerate((left, unfit)):
        passed = {
            "eventID": f"{one.shard_id}:{one.sequence_number}",
            "eventSourceARN": KINESIS,
            "kinesis": {"sequenceNumber": one.sequence_number, "data": b64encode(one.data).decode()},
        }
        world.failures.objects[f"aws/lambda/a/{number}"] = failed_object(COPIER, passed)
    _, _, mended = world.repair()
    assert mended.written == 1
    assert item(left) in world.table.items.values()
    [(key, why)] = mended.left.items()
    assert unfit.sequence_number in key
    assert why.startswith("it can have no item, as its producer sent it (s3://failures/aws/lambda/a/1)")


def test_a_line_that_cannot_be_made_and_one_that_cannot_be_taken_away_are_named() -> None:
    large, here = sent(1), sent(2)
    world = World([large, here], refused=large.sequence_number)
    for one in (large, here):
        world.table.put(item(one))
        world.clicks.put(item(one))
    world.lake.objects["lines/1"] = line({**item(here), "sequenceNumber": {"S": "9"}})
    _, _, mended = world.repair()
    assert mended.sent == 1
    unsent, kept = sorted(mended.left.values())
    assert unsent == "`forwarder`: too large for Firehose"
    assert "cannot be taken out of their objects" in kept


def test_a_click_that_was_written_meanwhile_is_not_removed() -> None:
    world = World([])
    old, new = item(sent(1)), {**item(sent(2)), "user": {"S": "u1"}, "time": {"S": "t1"}}
    world.clicks.put(old)
    real = world.clicks.delete_item

    def replaced_first(request: Any) -> Any:
        world.clicks.put(new)
        return real(request)

    world.clicks.delete_item = replaced_first  # type: ignore[method-assign]  # what happens in between
    _, _, mended = world.repair()
    assert mended.removed == 0
    assert list(world.clicks.items.values()) == [new]


def test_when_the_far_end_is_away_nothing_more_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.cross_account_copy.repairing.BATCH", 2)
    records = [sent(number) for number in range(1, 7)]
    world = World(records)
    for one in records:
        world.table.put(item(one))
        world.clicks.put(item(one))
    world.forwarder.apply = lambda batch: 0
    world.forwarder.logged = {"Waiting": 2, "reason": "ServiceUnavailable"}
    _, _, mended = world.repair()
    assert (world.forwarder.invocations, mended.sent) == (1, 0)
    assert set(mended.left.values()) == {"`forwarder`: ServiceUnavailable"}
    assert len(mended.left) == 6
