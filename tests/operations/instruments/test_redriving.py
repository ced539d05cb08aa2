"""What failed is applied in order by the rule of its kind, archived object by object, and left when it fails again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from fake_streams import FakeLambda, FakeS3, function

from operations.instruments import redriving
from operations.instruments.failures import Record
from operations.instruments.redriving import AWAY, BEHIND, Outcome, Rule, item_key, redrive, waiting

pytestmark = pytest.mark.pure

NAME = "ddbreplica_lambda"
LABEL = "2026-11-22T10:00:00.000"
TABLE_STREAM = f"arn:aws:dynamodb:eu-west-1:444444444444:table/logfile/stream/{LABEL}"
KINESIS = "arn:aws:kinesis:eu-west-1:444444444444:stream/clicks"
SHARD = "shardId-000000000001"
GUARDED = Rule(item_key)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.instruments.holding.POLL_S", 0.0)


def change(number: int, key: str, version: str) -> dict[str, Any]:
    image = {"PK": {"S": key}, "v": {"S": version}}
    stream = {"SequenceNumber": str(number), "Keys": {"PK": {"S": key}}, "NewImage": image}
    return {"eventName": "MODIFY", "eventSourceARN": TABLE_STREAM, "dynamodb": stream}


def put(number: int, sub: int | None = None) -> dict[str, Any]:
    """A Kinesis record; with `sub` one that was taken out of an aggregate."""
    kinesis: dict[str, Any] = {"sequenceNumber": str(number), "data": "e30=", "partitionKey": "a"}
    if sub is not None:
        kinesis |= {"subSequenceNumber": sub, "aggregated": True}
    return {"eventID": f"{SHARD}:{number}", "eventSourceARN": KINESIS, "kinesis": kinesis}


def given_up(s3: FakeS3, name: str, *records: Any, as_object: bool = False) -> str:
    """Store a batch as Lambda does, or as LocalStack."""
    event = {"Records": list(records)}
    stored = {
        "requestContext": {
            "functionArn": f"arn:aws:lambda:eu-west-1:444444444444:function:{NAME}:$LATEST",
            "condition": "RetryAttemptsExhausted",
        },
        "payload": event if as_object else json.dumps(event),
    }
    key = f"aws/lambda/a-mapping/{name}"
    s3.put_object("failures", key, json.dumps(stored).encode())
    return key


def poison(s3: FakeS3, record: Any, reason: str = "refused") -> str:
    """Store a record as a handler does."""
    if "kinesis" in record:
        number, sub = record["kinesis"]["sequenceNumber"], record["kinesis"].get("subSequenceNumber")
        place = f"clicks/{SHARD}/{number}" + ("" if sub is None else f".{sub:07}")
    else:
        place = f"logfile.{LABEL}/-/{record['dynamodb']['SequenceNumber']}"
    key = f"poison/{NAME}/{place}.json"
    stored = {
        "payload": json.dumps({"Records": [record]}),
        "reason": reason,
        "errorKind": "refused",
        "function": NAME,
        "source": record["eventSourceARN"],
        "shard": SHARD if "kinesis" in record else None,
        "time": "2026-11-28T20:00:00.000Z",
    }
    s3.put_object("failures", key, json.dumps(stored).encode())
    return key


class Function(FakeLambda):
    """Notes what it is given; what holds a key of `refused` it reports, of `poison` it stores as the handlers do."""

    def __init__(self, *refused: str, s3: FakeS3 | None = None, poison: Sequence[str] = ()) -> None:
        super().__init__(apply=self._apply)
        self.refused, self.poison, self.s3 = set(refused), set(poison), s3
        self.applied: list[tuple[str, str, str | None]] = []
        self.states: list[str] = []

    def _apply(self, records: list[Any]) -> int | None:
        self.states.append(self.state)
        for place, record in enumerate(records):
            key = record["dynamodb"]["Keys"]["PK"]["S"]
            if key in self.refused:
                return place
            if key in self.poison and self.s3 is not None:
                poison(self.s3, record, "refused once more")
                continue
            image = record["dynamodb"].get("NewImage")
            self.applied.append((key, record["eventName"], image and image["v"]["S"]))
        return None


def redriven(lambda_: FakeLambda, s3: FakeS3, rule: Rule = GUARDED) -> list[Outcome]:
    found, _ = waiting(s3, "failures", [NAME])  # type: ignore[arg-type]  # stands for a client
    return redrive(function(lambda_, s3), rule, found, lambda outcome: None)


def reasons(outcomes: list[Outcome]) -> list[str | None]:
    return [one.reason for one in outcomes]


def test_objects_are_applied_in_the_order_of_their_records_and_archived() -> None:
    s3, lambda_ = FakeS3(), Function()
    given_up(s3, "z", change(9, "a", "1"), change(10, "b", "1"))
    poison(s3, change(11, "b", "2"))
    given_up(s3, "a", change(100, "a", "2"), as_object=True)

    outcomes = redriven(lambda_, s3)

    applied = [("a", "MODIFY", "1"), ("b", "MODIFY", "1"), ("b", "MODIFY", "2"), ("a", "MODIFY", "2")]
    assert lambda_.applied == applied
    assert [(one.waiting.records, one.applied) for one in outcomes] == [(2, True), (1, True), (1, True)]
    archived = ["a-mapping/a", "a-mapping/z", f"poison/{NAME}/logfile.{LABEL}/-/11.json"]
    assert sorted(s3.objects) == [f"redriven/{name}" for name in archived]
    assert set(lambda_.states) == {"Enabled"}


def test_where_nothing_guards_them_records_are_brought_up_to_date_while_the_stream_is_held() -> None:
    s3, lambda_ = FakeS3(), Function()
    given_up(s3, "x", change(1, "a", "old"), change(2, "a", "older than now"))

    def refresh(arn: str, records: Sequence[Record]) -> Sequence[Record]:
        assert (arn, len(records)) == (TABLE_STREAM, 2)
        return [change(2, "a", "now")]

    redriven(lambda_, s3, Rule(item_key, refresh))

    assert lambda_.applied == [("a", "MODIFY", "now")]
    assert set(lambda_.states) == {"Disabled"}
    assert lambda_.state == "Enabled"
    assert sorted(s3.objects) == ["redriven/a-mapping/x"]


def test_what_cannot_be_brought_up_to_date_stays_with_the_reason() -> None:
    s3, lambda_ = FakeS3(), Function()
    given_up(s3, "x", change(1, "a", "old"))

    def refresh(arn: str, records: Sequence[Record]) -> Sequence[Record]:
        raise LookupError("no such table")

    assert reasons(redriven(lambda_, s3, Rule(item_key, refresh))) == ["no such table"]
    assert lambda_.invocations == 0
    assert list(s3.objects) == ["aws/lambda/a-mapping/x"]


def test_what_fails_again_stays_with_its_reason_and_what_changes_the_same_waits() -> None:
    s3, lambda_ = FakeS3(), Function("b")
    given_up(s3, "1", change(1, "a", "1"), change(2, "b", "1"))
    given_up(s3, "2", change(3, "c", "1"))
    given_up(s3, "3", change(4, "b", "2"), change(5, "d", "1"))
    given_up(s3, "4", change(6, "d", "2"))

    assert reasons(redriven(lambda_, s3)) == ["the far end refuses", None, BEHIND, BEHIND]
    left = [f"aws/lambda/a-mapping/{name}" for name in "134"]
    assert sorted(s3.objects) == [*left, "redriven/a-mapping/2"]


def test_a_record_that_is_stored_as_poison_once_more_has_failed_again_though_the_function_is_done_with_it() -> None:
    s3 = FakeS3()
    lambda_ = Function(s3=s3, poison=["b"])
    kept = poison(s3, change(1, "b", "1"))
    poison(s3, change(2, "c", "1"))

    outcomes = redriven(lambda_, s3)

    assert reasons(outcomes) == ["refused once more", None]
    assert sorted(s3.objects) == [kept, f"redriven/poison/{NAME}/logfile.{LABEL}/-/2.json"]


def test_of_a_batch_what_becomes_poison_is_an_object_of_its_own_and_the_batch_is_done() -> None:
    s3 = FakeS3()
    lambda_ = Function(s3=s3, poison=["b"])
    given_up(s3, "1", change(1, "a", "1"), change(2, "b", "1"))
    given_up(s3, "2", change(3, "b", "2"))

    first, second = redriven(lambda_, s3)

    stored = f"poison/{NAME}/logfile.{LABEL}/-/2.json"
    assert (first.reason, first.poisoned, first.applied) == (None, {stored: "refused once more"}, False)
    # It changes what the poison changes.
    assert second.reason == BEHIND
    assert sorted(s3.objects) == ["aws/lambda/a-mapping/2", stored, "redriven/a-mapping/1"]


def test_poison_that_was_there_before_is_none_of_this_invocation() -> None:
    s3, lambda_ = FakeS3(), Function()
    given_up(s3, "1", change(1, "a", "1"), change(12, "b", "1"))
    # Of an earlier time, and of a record whose number begins with the same digits.
    for number in (12, 120):
        poison(s3, change(number, "b", "1"))
    assert all(one.applied for one in redriven(lambda_, s3))


def test_an_aggregate_that_can_be_taken_apart_now_leaves_only_what_is_poison_in_it() -> None:
    s3 = FakeS3()
    whole = poison(s3, put(7), "the aggregate's message is malformed")

    def store_one(records: list[Any]) -> None:
        poison(s3, put(7, sub=3))

    [outcome] = redriven(FakeLambda(apply=store_one), s3, Rule())

    part = f"poison/{NAME}/clicks/{SHARD}/7.0000003.json"
    assert (outcome.reason, list(outcome.poisoned)) == (None, [part])
    assert sorted(s3.objects) == [part, f"redriven/{whole}"]
    # The part itself is redriven by itself.
    [outcome] = redriven(FakeLambda(), s3, Rule())
    assert (outcome.waiting.place, outcome.applied) == ((KINESIS, 7, 3), True)


def test_when_the_far_end_is_away_nothing_more_is_tried() -> None:
    s3, lambda_ = FakeS3(), Function("a")
    lambda_.logged |= {"Waiting": 1, "reason": "AccessDenied"}
    for number in range(3):
        given_up(s3, str(number), change(number, f"{'a' if number == 0 else number}", "1"))
    assert reasons(redriven(lambda_, s3)) == ["AccessDenied", AWAY, AWAY]
    assert lambda_.invocations == 1


@pytest.mark.parametrize("error", [{"errorMessage": "out of memory"}, "out of memory", None])
def test_a_function_that_crashes_has_not_applied_anything(error: object) -> None:
    s3, lambda_ = FakeS3(), Function()
    given_up(s3, "1", change(1, "a", "1"))
    lambda_.error = error if error is not None else {}
    [reason] = reasons(redriven(lambda_, s3))
    assert str(reason).startswith("the function failed: ")
    assert list(s3.objects) == ["aws/lambda/a-mapping/1"]


def test_a_record_larger_than_one_invocation_is_sent_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operations.instruments.functions.MAX_PAYLOAD_BYTES", 400)
    s3, lambda_ = FakeS3(), Function()
    given_up(s3, "1", *(change(number, str(number), "1") for number in range(5)))
    assert redriven(lambda_, s3)[0].applied
    assert [key for key, _, _ in lambda_.applied] == list("01234")
    assert lambda_.invocations > 2


def test_a_redrive_that_was_killed_goes_on_and_lets_the_stream_go_on_afterwards() -> None:
    s3, lambda_ = FakeS3(), Function()
    for number in range(3):
        given_up(s3, str(number), change(number, str(number), "1"))

    class KilledError(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    rule = Rule(item_key, lambda arn, records: records)
    found, _ = waiting(s3, "failures", [NAME])  # type: ignore[arg-type]  # stands for a client
    with pytest.MonkeyPatch.context() as patch:
        # Nothing runs after a SIGKILL, the release of the hold neither.
        patch.setattr("operations.instruments.holding._let_go", killed)
        patch.setattr(redriving, "apply", killed)
        with pytest.raises(KilledError):
            redrive(function(lambda_, s3), rule, found, lambda outcome: None)
    assert lambda_.state == "Disabled"

    assert all(one.applied for one in redriven(lambda_, s3, rule))
    assert lambda_.get_event_source_mapping("")["State"] in ("Enabling", "Enabled")
    assert [name for name in s3.objects if not name.startswith("redriven/")] == []


def test_what_is_foreign_or_damaged_is_named_and_left_and_stops_nothing() -> None:
    s3, lambda_ = FakeS3(), Function()
    good = given_up(s3, "1", change(1, "a", "1"))
    event = json.dumps({"Records": [change(2, "a", "1")]})
    context = {"functionArn": f"arn:aws:lambda:eu-west-1:444444444444:function:{NAME}"}
    other = {"requestContext": {"functionArn": "a:b:c:d:e:f:other"}, "payload": event}
    no_event_id = {"payload": {"Records": [put(5) | {"eventID": 7}]}, "function": NAME}
    foreign = {
        "aws/lambda/note.txt": b"hello",
        "aws/lambda/list": b"[1]",
        "aws/lambda/deep": b"[" * 100_000,
        "aws/lambda/no-payload": json.dumps({"requestContext": context}).encode(),
        "aws/lambda/no-records": json.dumps({"requestContext": context, "payload": "{}"}).encode(),
        "aws/lambda/cut": json.dumps({"requestContext": context, "payload": event[:-9]}).encode(),
        "aws/lambda/nobody": json.dumps({"payload": event}).encode(),
        "aws/lambda/other": json.dumps(other).encode(),
        f"poison/{NAME}/x.json": json.dumps(no_event_id).encode(),
    }
    for name, body in foreign.items():
        s3.put_object("failures", name, body)
    found, named = waiting(s3, "failures", [NAME])  # type: ignore[arg-type]  # stands for a client
    assert [one.object_key for one in found] == [good]
    assert [one.partition(": ")[0] for one in named] == [f"s3://failures/{name}" for name in sorted(foreign)]
    assert redriven(lambda_, s3)[0].applied
    assert sorted(s3.objects) == sorted([*foreign, "redriven/a-mapping/1"])
