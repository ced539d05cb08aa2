"""Whatever mix of poison, outages and time-outs a stream function meets: what is applied and what is set aside, whole,
is everything, in order."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from fake_aws import FakeAws, FakeContext, Fault, Partly, Refusal, Timeout, Unanswered
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kpl_aggregates import aggregate
from stream_events import inserted, kinesis_event

pytestmark = pytest.mark.pure

Loader = Callable[..., ModuleType]
Event = dict[str, Any]

CODES = ["ThrottlingException", "InternalServerError", "AccessDeniedException", "ExpiredTokenException"]
PASSING = [None, Timeout(), Unanswered(), Partly((0,)), Partly((0, 1)), *map(Refusal, CODES)]
FAULTS = st.lists(st.sampled_from(PASSING), max_size=20)
STORING = st.lists(st.sampled_from([None, Refusal("AccessDenied", 403), Refusal("SlowDown", 503)]), max_size=6)
# What a record is: sound, unreadable, or refused by the service; for Kinesis also an aggregate of such records.
ONE = st.sampled_from(["sound", "sound", "sound", "unreadable", "refused"])
KINESIS = st.lists(ONE | st.lists(ONE, min_size=1, max_size=8), max_size=40)
CHANGES = st.lists(ONE, max_size=60)
PROPERTY = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeAws]:
    fake = FakeAws()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.httpsession.URLLib3Session.send", lambda _session, request: fake.send(request))
        patch.setattr("handlers.shared.time_budget.BASE_DELAY_S", 0.0)
        yield fake


class RunningOut(FakeContext):
    """Has time for so many looks at the clock."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._looks = looks

    def get_remaining_time_in_millis(self) -> int:
        self._looks -= 1
        return 120_000 if self._looks > 0 else 0


def prepare(fake: FakeAws, **faults: list[Fault]) -> None:
    for kept in (fake.tables, fake.stream, fake.objects, fake.calls, fake._script):
        kept.clear()
    fake.invalid = lambda item: item["v"] == {"S": "refused"}
    fake.invalid_data = lambda data: b'"refused"' in data
    for operation, script in faults.items():
        fake.script(operation, *script)


def deliver(handler: Callable[[Event, FakeContext], Any], event: Event, part: str, number: str, looks: int) -> None:
    """Lambda's part: the rest of the batch comes again until nothing is reported."""
    waiting, turns = event["Records"], 0
    while waiting:
        reply = handler({"Records": waiting}, RunningOut(looks + turns))
        numbers = [record[part][number] for record in waiting]
        failed = [numbers.index(one["itemIdentifier"]) for one in reply["batchItemFailures"]]
        waiting = waiting[failed[0] :] if failed else []
        turns += 1
        assert turns < 200, "it gets no further"


def document(index: int, kind: str) -> bytes:
    return b"{unreadable" if kind == "unreadable" else json.dumps({"v": kind, "n": index}).encode()


@PROPERTY
@given(records=KINESIS, faults=FAULTS, storing=STORING, looks=st.integers(1, 40), threads=st.sampled_from(["1", "4"]))
def test_the_copier(
    fake: FakeAws, load: Loader, records: list[Any], faults: list[Fault], storing: list[Fault], looks: int, threads: str
) -> None:
    prepare(fake, BatchWriteItem=faults, PutObject=storing)
    copier = load(
        "cross_account_copier", ROLE_ARN="arn:aws:iam::999999999999:role/w", TABLE_NAME="t", WRITE_THREADS=threads
    )
    numbered = iter(range(1000))
    payloads, sound, spoilt = [], set(), set()
    for record in records:
        kinds = record if isinstance(record, list) else [record]
        parts = [document(next(numbered), kind) for kind in kinds]
        payloads.append(aggregate([("k", None, part) for part in parts]) if isinstance(record, list) else parts[0])
        for kind, part in zip(kinds, parts, strict=True):
            (sound if kind == "sound" else spoilt).add(part)
    event = kinesis_event(payloads, 1.0)

    deliver(copier.handler, event, "kinesis", "sequenceNumber", looks)

    assert {item["n"]["N"] for item in fake.items("t")} == {str(json.loads(one)["n"]) for one in sound}
    kept = [json.loads(one["payload"])["Records"] for one in fake.poison().values()]
    assert {b64decode(record["kinesis"]["data"]) for [record] in kept} == spoilt
    assert len(kept) == sum(kind != "sound" for one in records for kind in (one if isinstance(one, list) else [one]))


@PROPERTY
@given(kinds=CHANGES, faults=FAULTS, storing=STORING, looks=st.integers(1, 40), pack=st.sampled_from(["0", "100"]))
def test_the_forwarder(
    fake: FakeAws, load: Loader, kinds: list[str], faults: list[Fault], storing: list[Fault], looks: int, pack: str
) -> None:
    prepare(fake, PutRecordBatch=faults, PutObject=storing)
    forwarder = load("firehose_forwarder", DELIVERY_STREAM="d", PACK_BYTES=pack)
    event = changes(kinds)

    deliver(forwarder.handler, event, "dynamodb", "SequenceNumber", looks)

    first = list(dict.fromkeys(json.loads(line)["n"] for line in b"".join(fake.stream).splitlines()))
    sound = [index for index, kind in enumerate(kinds) if kind == "sound"]
    assert sorted(first) == sound
    if not any(isinstance(fault, Partly) for fault in faults):
        assert first == sound, "in the order of the stream"
    assert kept_records(fake) == [event["Records"][index] for index, kind in enumerate(kinds) if kind != "sound"]


@PROPERTY
@given(kinds=CHANGES, faults=FAULTS, storing=STORING, looks=st.integers(1, 40), users=st.sampled_from([1, 3, 100]))
def test_the_click_stream_writer(
    fake: FakeAws, load: Loader, kinds: list[str], faults: list[Fault], storing: list[Fault], looks: int, users: int
) -> None:
    prepare(fake, BatchWriteItem=faults, PutObject=storing)
    fake.key_names = ("u", "t")
    writer = load("click_stream_writer", TABLE_NAME="t", HASH_NAME="u", RANGE_NAME="t")
    event = changes(kinds, users)
    try:
        deliver(writer.handler, event, "dynamodb", "SequenceNumber", looks)
    finally:
        fake.key_names = ("seqNumbershardIdHash", "sequenceNumber")

    last = {index % users: str(index) for index, kind in enumerate(kinds) if kind == "sound"}
    assert {int(item["u"]["S"]): item["n"]["N"] for item in fake.items("t")} == last
    kept = [event["Records"].index(record) for record in kept_records(fake)]
    # A refused version of an item may be overtaken by the next one before it is sent; nothing else goes amiss.
    overtaken = {index for index, kind in enumerate(kinds) if kind == "refused" and kinds[index + users :: users]}
    spoilt = {index for index, kind in enumerate(kinds) if kind != "sound"}
    assert spoilt - overtaken <= set(kept) <= spoilt


def changes(kinds: list[str], users: int = 1) -> Event:
    """Changes of a table, of which the unreadable ones lack their new image."""
    event = inserted(
        *(
            {"v": {"S": kind}, "n": {"N": str(index)}, "u": {"S": str(index % users)}, "t": {"N": "1"}}
            for index, kind in enumerate(kinds)
        )
    )
    for record, kind in zip(event["Records"], kinds, strict=True):
        if kind == "unreadable":
            del record["dynamodb"]["NewImage"]
    return event


def kept_records(fake: FakeAws) -> list[Any]:
    kept = (json.loads(one["payload"])["Records"] for _, one in sorted(fake.poison().items()))
    return [record for [record] in kept]


class SimulatedTime:
    """A clock that only pauses move on: ten minutes take no time. `at` is in seconds."""

    def __init__(self) -> None:
        self.at = 0.0

    def sleep(self, delay_s: float) -> None:
        self.at += delay_s

    def context(self, timeout_s: float = 120.0) -> FakeContext:
        end, clock = self.at + timeout_s, self

        class Context(FakeContext):
            def get_remaining_time_in_millis(self) -> int:
                return round((end - clock.at) * 1000)

        return Context()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimulatedTime:
    clock = SimulatedTime()
    monkeypatch.setattr("handlers.shared.time_budget.wait", clock.sleep)
    monkeypatch.setattr("handlers.shared.time_budget.BASE_DELAY_S", 0.05)
    return clock


OUTAGES = {
    "denied": Refusal("AccessDeniedException"),
    "key disabled": Refusal("KMSDisabledException"),
    "missing": Refusal("ResourceNotFoundException"),
    "throttled": Refusal("ProvisionedThroughputExceededException"),
}
FUNCTIONS: dict[str, tuple[dict[str, str], str, list[str]]] = {
    "cross_account_copier": (
        {"ROLE_ARN": "arn:aws:iam::999999999999:role/w", "TABLE_NAME": "t"},
        "BatchWriteItem",
        ["kinesis", "sequenceNumber"],
    ),
    "firehose_forwarder": ({"DELIVERY_STREAM": "d"}, "PutRecordBatch", ["dynamodb", "SequenceNumber"]),
    "click_stream_writer": (
        {"TABLE_NAME": "t", "HASH_NAME": "n", "RANGE_NAME": "t"},
        "BatchWriteItem",
        ["dynamodb", "SequenceNumber"],
    ),
}


@pytest.mark.parametrize("outage", OUTAGES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_ten_minutes_of_an_outage_with_poison_in_front_in_the_middle_and_at_the_end(
    fake: FakeAws, load: Loader, clock: SimulatedTime, function: str, outage: str
) -> None:
    environment, operation, (part, number) = FUNCTIONS[function]
    kinds = ["unreadable", *["sound"] * 40, "refused", "unreadable", *["sound"] * 40, "refused"]
    prepare(fake)
    fake.key_names = ("n", "t") if function == "click_stream_writer" else fake.key_names
    # One clock for several threads would pass their pauses one after the other.
    handler = load(function, **environment, WRITE_THREADS="1").handler
    parts = [document(index, kind) for index, kind in enumerate(kinds)]
    event = kinesis_event([*parts, aggregate([("k", None, one) for one in parts])], 1.0)
    event = event if part == "kinesis" else changes(kinds)
    sound = (2 if part == "kinesis" else 1) * 80
    spoilt = (2 if part == "kinesis" else 1) * 4
    try:
        fake.broken[operation] = OUTAGES[outage]
        waiting, invocations = event["Records"], 0
        while clock.at < 600:
            [failed] = handler({"Records": waiting}, clock.context())["batchItemFailures"]
            numbers = [record[part][number] for record in waiting]
            waiting = waiting[numbers.index(failed["itemIdentifier"]) :]
            invocations += 1
        assert (fake.items("t"), fake.stream) == ([], [])
        assert len(waiting) == len(event["Records"]) - 1, "the poison in front of everything is set aside"
        assert 5 <= invocations <= 7, "each waits as long as its time lasts"

        fake.broken.clear()
        assert handler({"Records": waiting}, clock.context()) == {"batchItemFailures": []}
        assert len(fake.items("t") or fake.stream) == sound
        assert len(fake.poison()) == spoilt
        if function == "firehose_forwarder":
            order = [json.loads(line)["n"] for line in fake.stream]
            assert order == sorted(order)
    finally:
        fake.broken.clear()
        fake.key_names = ("seqNumbershardIdHash", "sequenceNumber")
