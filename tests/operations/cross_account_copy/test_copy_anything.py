"""Whatever is in stream, tables, lake or bucket, a verification comes to its end and says of each record what is so."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from anything import DATA, changed
from fake_ends import FakeDynamoDB, FakeKinesis, FakeS3, failed_object, record
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.cross_account_copier.items import entries_of
from handlers.shared.poison import Poison
from operations.cross_account_copy import partitions, stream
from operations.cross_account_copy.deployed import Ends, Source, Target
from operations.cross_account_copy.expecting import StreamRecord
from operations.cross_account_copy.lake import Delivery, Lake
from operations.cross_account_copy.report import Report
from operations.cross_account_copy.stream import Stream
from operations.cross_account_copy.verifying import verify
from operations.dialogue import printable
from operations.instruments.failures import Failures
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.tables import Table

pytestmark = pytest.mark.pure

TABLE, COPIER, FORWARDER = "copy", "copier", "forwarder"
KINESIS = "arn:aws:kinesis:eu-west-1:111111111111:stream/clicks"
TABLE_STREAM = "arn:aws:dynamodb:eu-west-1:999999999999:table/copy/stream/2026-11-22T10:00:00.000"


@pytest.fixture(autouse=True, scope="module")
def _small_and_without_limits() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CALLS_PER_S", None)
        patch.setattr(stream, "BYTES_PER_S", None)
        patch.setattr(partitions, "PARTITIONS", 3)
        yield


def verified(kinesis: FakeKinesis | None, dynamodb: FakeDynamoDB, failed: FakeS3, lake: FakeS3 | None = None) -> Report:
    delivery = Delivery("lines/", "", "UNCOMPRESSED", buffer_s=0)
    failures = Failures(failed, "failures", COPIER)  # type: ignore[arg-type]  # stands for a client
    source = Source(Stream(kinesis, "clicks"), failures, {"table": TABLE}) if kinesis else None  # type: ignore[arg-type]
    target = Target(
        [Table(dynamodb, TABLE)],  # type: ignore[arg-type]
        lake=(Lake(lake, "lake", delivery), Failures(failed, "failures", FORWARDER)) if lake else None,  # type: ignore[arg-type]
    )
    patience = Patience(settle_s=0, longest_s=0, clock=lambda: 0.0, sleep=lambda seconds: None)
    report = verify(Ends(source, target), RateLimit(None), patience, lambda _, __: lambda count: None, values=True)
    printable(report.summary()).encode()
    printable(json.dumps(report.as_json(), ensure_ascii=False)).encode()
    return report


def as_passed(one: StreamRecord) -> dict[str, Any]:
    """A record as Lambda passes it, with nothing that is optional."""
    kinesis = {"sequenceNumber": one.sequence_number, "data": b64encode(one.data).decode(), "partitionKey": "a"}
    return {"eventID": f"{one.shard_id}:{one.sequence_number}", "eventSourceARN": KINESIS, "kinesis": kinesis}


@settings(max_examples=60)
@given(sent=st.lists(DATA, max_size=6))
def test_a_record_is_in_the_table_as_the_copier_makes_it_or_has_failed(sent: list[bytes]) -> None:
    records = [record(number, data) for number, data in enumerate(sent)]
    made = list(entries_of([as_passed(one) for one in records], lambda arrival_s: TABLE))
    dynamodb = FakeDynamoDB()
    dynamodb.put(*(json.loads(one.body) for one in made if not isinstance(one, Poison)))
    poison = [records[one.position] for one in made if isinstance(one, Poison)]

    [section] = verified(
        FakeKinesis({records[0].shard_id: records} if records else {}), dynamodb, FakeS3()
    ).sections.values()

    failed = section.found.pop("failed")
    assert {one["key"]["sequenceNumber"]["S"] for one in failed} == {one.sequence_number for one in poison}
    assert all(one["where"].startswith("shardId-000000000001: ") for one in failed)
    assert not any(section.found.values())


@settings(max_examples=40)
@given(lines=st.lists(DATA | st.just(b'{"seqNumbershardIdHash":"00_x","sequenceNumber":"1"}'), max_size=6))
def test_a_line_is_one_of_an_item_or_foreign(lines: list[bytes]) -> None:
    body = b"\n".join(lines)
    [section] = verified(None, FakeDynamoDB(), FakeS3(), FakeS3({"lines/1": body})).sections.values()
    told = len(section.foreign) + section.facts["copyItems"]
    assert told == len(body.splitlines())


def damaged(function: str, event_record: Any) -> st.SearchStrategy[bytes]:
    """Failed objects in which something is not as it should be."""
    event = {"Records": [event_record]}
    arn = f"arn:aws:lambda:eu-west-1:111111111111:function:{function}"
    given_up = {"requestContext": {"functionArn": arn, "condition": "RetryAttemptsExhausted"}, "payload": event}
    poison = {"payload": event, "function": function, "reason": "refused", "source": KINESIS, "sequenceNumber": "1"}

    def stored(whole: Any) -> bytes:
        if isinstance(whole, dict) and isinstance(whole.get("payload"), dict):
            whole = {**whole, "payload": json.dumps(whole["payload"])}
        return json.dumps(whole).encode()

    return changed(given_up).map(stored) | changed(poison).map(stored) | DATA


CHANGE = {
    "eventName": "MODIFY",
    "eventID": "1",
    "eventSourceARN": TABLE_STREAM,
    "dynamodb": {
        "SequenceNumber": "100",
        "Keys": {"seqNumbershardIdHash": {"S": "00_x"}, "sequenceNumber": {"S": "1"}},
        "NewImage": {"seqNumbershardIdHash": {"S": "00_x"}, "sequenceNumber": {"S": "1"}, "n": {"N": "1"}},
    },
}


@settings(max_examples=80)
@given(
    body=damaged(COPIER, as_passed(record(1))) | damaged(FORWARDER, CHANGE),
    prefix=st.sampled_from(["aws/lambda/", "poison/"]),
)
def test_damaged_objects_in_the_bucket_stop_nothing(body: bytes, prefix: str) -> None:
    sent = record(5)
    good = failed_object(COPIER, as_passed(sent))
    failed = FakeS3({f"{prefix}damaged": body, "aws/lambda/good": good})
    report = verified(FakeKinesis({sent.shard_id: [sent]}), FakeDynamoDB(), failed, FakeS3())
    found = report.sections["stream"].found["failed"]
    places = [(one["key"]["sequenceNumber"]["S"], one["where"]) for one in found]
    assert (sent.sequence_number, "s3://failures/aws/lambda/good") in places


def test_an_object_that_is_no_failed_event_is_named_in_the_notes() -> None:
    failed = FakeS3({"aws/lambda/note.txt": b"hello", "poison/copier/x": b"[]"})
    report = verified(FakeKinesis({}), FakeDynamoDB(), failed)
    assert [note for note in report.notes if note.startswith("Left as it is")] == [
        "Left as it is: s3://failures/aws/lambda/note.txt: it is not JSON",
        "Left as it is: s3://failures/poison/copier/x: it is no JSON object",
    ]
    assert report.equal


def test_a_record_of_an_aggregate_that_is_kept_alone_has_the_key_that_it_has_in_the_stream() -> None:
    sent, other = record(7, b"no JSON"), record(9)
    alone = as_passed(sent)
    alone["kinesis"] |= {"subSequenceNumber": 3, "aggregated": True}
    failed = FakeS3({"poison/copier/clicks/x/7.0000003.json": failed_object(COPIER, alone)})
    failed.objects["poison/copier/clicks/x/7.0000003.json"] = json.dumps(
        {"payload": json.dumps({"Records": [alone]}), "function": COPIER, "reason": "it is not JSON"}
    ).encode()
    dynamodb = FakeDynamoDB()
    [section] = verified(FakeKinesis({other.shard_id: [other]}), dynamodb, failed).sections.values()
    [one] = section.found["failed"]
    assert one["key"]["sequenceNumber"]["S"] == f"{sent.sequence_number}.0000003"
    assert one["where"] == "s3://failures/poison/copier/clicks/x/7.0000003.json"
