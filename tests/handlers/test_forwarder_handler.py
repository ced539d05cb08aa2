"""The forwarder as Lambda runs it, against a fake of Firehose."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from fake_aws import FakeAws, FakeContext, Fault, Partly, Refusal, Timeout
from stream_events import DONE, TABLE_STREAM, failed_at, inserted, sequence_number, table_event

pytestmark = pytest.mark.pure

STREAM = "prod-s3-firehose"


@pytest.fixture
def forwarder(load: Callable[..., ModuleType]) -> ModuleType:
    return load("firehose_forwarder", DELIVERY_STREAM=STREAM)


@pytest.fixture
def packing_forwarder(load: Callable[..., ModuleType]) -> ModuleType:
    return load("firehose_forwarder", DELIVERY_STREAM=STREAM, PACK_BYTES="5120")


def image(index: int, padding: str = "") -> dict[str, Any]:
    return {"sequenceNumber": {"S": f"{index:06}"}, "padding": {"S": padding}}


def lines(count: int, padding: str = "") -> list[bytes]:
    return [f'{{"sequenceNumber":"{index:06}","padding":"{padding}"}}\n'.encode() for index in range(count)]


def test_each_new_image_becomes_a_line(aws: FakeAws, forwarder: ModuleType) -> None:
    assert forwarder.handler(inserted(*(image(index) for index in range(300))), FakeContext()) == DONE

    assert aws.stream == lines(300)
    (call,) = aws.called("PutRecordBatch")
    assert call["DeliveryStreamName"] == STREAM


def test_removals_are_passed_over_and_counted(
    aws: FakeAws, forwarder: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    event = table_event(("INSERT", image(0)), ("REMOVE", None), ("MODIFY", image(1)))

    assert forwarder.handler(event, FakeContext()) == DONE

    assert aws.stream == lines(2)
    line = json.loads(capsys.readouterr().out)
    assert (line["Records"], line["Written"], line["Skipped"]) == (3, 2, 1)


@pytest.mark.parametrize("records", [[], [("REMOVE", None)]], ids=["empty batch", "nothing but removals"])
def test_nothing_to_forward_makes_no_call(aws: FakeAws, forwarder: ModuleType, records: list[Any]) -> None:
    assert forwarder.handler(table_event(*records), FakeContext()) == DONE
    assert aws.calls == []


def test_batches_keep_to_the_limits_of_the_api(aws: FakeAws, forwarder: ModuleType) -> None:
    """The fake refuses more than 500 records, 4 MiB in a call, or 1000 KiB in a record."""
    large = "x" * 300_000
    event = inserted(*(image(index, large) for index in range(40)), *(image(index) for index in range(1200)))

    assert forwarder.handler(event, FakeContext()) == DONE

    assert aws.stream == lines(40, large) + lines(1200)
    assert [len(call["Records"]) for call in aws.called("PutRecordBatch")] == [13, 13, 13, 500, 500, 201]


def test_only_what_firehose_did_not_take_is_sent_again(aws: FakeAws, forwarder: ModuleType) -> None:
    aws.script("PutRecordBatch", Partly((1, 3)), Partly((0,)))

    assert forwarder.handler(inserted(*(image(index) for index in range(5))), FakeContext()) == DONE

    assert sorted(aws.stream) == lines(5)
    assert [len(call["Records"]) for call in aws.called("PutRecordBatch")] == [5, 2, 1]


@pytest.mark.parametrize(
    "fault",
    [
        Refusal("ServiceUnavailableException", 503),
        Refusal("InternalFailure", 500),
        Refusal("ExpiredTokenException"),
        Refusal("ThrottlingException"),
        Timeout(),
    ],
    ids=str,
)
def test_a_passing_fault_is_retried_within_the_invocation(aws: FakeAws, forwarder: ModuleType, fault: Fault) -> None:
    aws.script("PutRecordBatch", fault, fault)

    assert forwarder.handler(inserted(*(image(index) for index in range(5))), FakeContext()) == DONE
    assert aws.stream == lines(5)


def test_a_line_longer_than_a_firehose_record_is_set_aside(aws: FakeAws, forwarder: ModuleType) -> None:
    """Control characters take six bytes each in JSON, so that an item within DynamoDB's limit can be too long here."""
    event = inserted(image(0), image(1), image(2, "\u0001" * 200_000), image(3))

    assert forwarder.handler(event, FakeContext()) == DONE
    assert aws.stream == [line for index, line in enumerate(lines(4)) if index != 2]
    [(key, kept)] = aws.objects.items()
    place = f"a-function/copies.2026-11-22T10:00:00.000/-/{sequence_number(2)}"
    assert key == f"failures/poison/{place}.json"
    assert json.loads(kept["payload"]) == {"Records": [event["Records"][2]]}
    assert (kept["source"], kept["shard"]) == (TABLE_STREAM, None)


def test_a_record_without_its_new_image_is_set_aside_with_what_to_change(aws: FakeAws, forwarder: ModuleType) -> None:
    assert forwarder.handler(table_event(("INSERT", image(0)), ("MODIFY", None)), FakeContext()) == DONE

    assert aws.stream == lines(1)
    [kept] = aws.poison().values()
    assert "stream view type" in kept["reason"]


@pytest.mark.parametrize("missing", ["eventName", "dynamodb"])
def test_a_record_that_lacks_what_is_optional_holds_up_nobody(
    aws: FakeAws, forwarder: ModuleType, missing: str
) -> None:
    event = inserted(image(0), image(1))
    del event["Records"][0][missing]
    assert forwarder.handler(event, FakeContext()) == DONE
    assert aws.stream == lines(2)[1:]
    assert len(aws.poison()) == 1


@pytest.mark.parametrize("optional", ["ApproximateCreationDateTime", "SizeBytes"])
def test_what_is_optional_in_a_change_may_be_missing(aws: FakeAws, forwarder: ModuleType, optional: str) -> None:
    event = inserted(image(0))
    del event["Records"][0]["dynamodb"][optional]
    assert forwarder.handler(event, FakeContext()) == DONE
    assert (aws.stream, aws.objects) == (lines(1), {})


def test_while_the_delivery_stream_is_away_everything_waits(aws: FakeAws, forwarder: ModuleType) -> None:
    aws.broken["PutRecordBatch"] = Refusal("ResourceNotFoundException")
    assert forwarder.handler(inserted(image(0), image(1)), FakeContext(0.2)) == failed_at(0)
    aws.broken.clear()
    assert forwarder.handler(inserted(image(0), image(1)), FakeContext()) == DONE
    assert (aws.stream, aws.objects) == (lines(2), {})


@pytest.mark.parametrize("pack_bytes", ["0", "5120"])
def test_a_record_that_firehose_refuses_is_set_aside_alone(
    aws: FakeAws, load: Callable[..., ModuleType], pack_bytes: str
) -> None:
    aws.invalid_data = lambda data: b"000003" in data
    forwarder = load("firehose_forwarder", DELIVERY_STREAM=STREAM, PACK_BYTES=pack_bytes)

    assert forwarder.handler(inserted(*(image(index) for index in range(8))), FakeContext()) == DONE

    assert b"".join(aws.stream) == b"".join(line for index, line in enumerate(lines(8)) if index != 3)
    [(number, kept)] = aws.poison().items()
    assert (number, kept["errorKind"]) == (sequence_number(3), "refused")


def test_packing_puts_the_same_bytes_into_fewer_records(aws: FakeAws, packing_forwarder: ModuleType) -> None:
    padding = "x" * 960  # lines of 1,000 bytes

    assert packing_forwarder.handler(inserted(*(image(index, padding) for index in range(12))), FakeContext()) == DONE

    assert b"".join(aws.stream) == b"".join(lines(12, padding))
    assert [record.count(b"\n") for record in aws.stream] == [5, 5, 2]


def test_a_long_line_stays_alone(aws: FakeAws, packing_forwarder: ModuleType) -> None:
    long = "x" * 9000

    packing_forwarder.handler(inserted(image(0), image(1, long), image(2), image(3)), FakeContext())

    assert aws.stream == [lines(1)[0], lines(2, long)[1], b"".join(lines(4)[2:])]


def test_a_packed_record_that_fails_is_reported_at_its_first_line(aws: FakeAws, packing_forwarder: ModuleType) -> None:
    padding = "x" * 960
    aws.script("PutRecordBatch", Partly((1,)))
    aws.broken["PutRecordBatch"] = Refusal("AccessDeniedException")

    reply = packing_forwarder.handler(inserted(*(image(index, padding) for index in range(12))), FakeContext(0.2))

    assert reply == failed_at(5)
    assert b"".join(aws.stream) == b"".join(lines(12, padding)[:5] + lines(12, padding)[10:])


def test_the_lines_around_a_poison_record_are_packed_and_sent(aws: FakeAws, packing_forwarder: ModuleType) -> None:
    event = table_event(("INSERT", image(0)), ("INSERT", image(1)), ("MODIFY", None), ("INSERT", image(3)))

    assert packing_forwarder.handler(event, FakeContext()) == DONE
    assert aws.stream == [b"".join(lines(2)), lines(4)[3]]
