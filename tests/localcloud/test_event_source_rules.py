"""The pure rules of event source mappings: responses, retries, filters, windows, failure records, sequence numbers."""

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator.control import RefusedError, Request
from localcloud.emulator.event_sources import pauses
from localcloud.emulator.event_sources.attempts import Attempt, after_failure, too_old
from localcloud.emulator.event_sources.destinations import GivenUp, document_of, object_key
from localcloud.emulator.event_sources.filters import problem_of, wanted
from localcloud.emulator.event_sources.records import MAX_PAYLOAD_BYTES, StreamRecord, within_payload
from localcloud.emulator.event_sources.responses import first_failed
from localcloud.emulator.event_sources.settings import Settings
from localcloud.emulator.event_sources.tumbling import of_one_window, window_of
from localcloud.emulator.kinesis.sequence_numbers import Located, compose, locate

pytestmark = pytest.mark.pure


def record(position, arrival_s=0.0, event=None):
    event = event or {"n": position}
    return StreamRecord(position, str(position), "key", arrival_s, len(json.dumps(event)), event)


def settings(**changes):
    return Settings.of({"FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f", **changes})


# Responses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (None, None),
        ("", None),
        ([], None),
        ({}, None),
        ({"other": 1}, None),
        ({"batchItemFailures": None}, None),
        ({"batchItemFailures": []}, None),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": "c"}, {"itemIdentifier": "b"}]}, 1),
        ({"batchItemFailures": [{"itemIdentifier": "c"}, {"itemIdentifier": "x"}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, 0),
        ({"batchItemFailures": [{"itemIdentifier": 1}]}, 0),
        ({"batchItemFailures": [{"identifier": "b"}]}, 0),
        ({"batchItemFailures": ["b"]}, 0),
        ({"batchItemFailures": "b"}, 0),
        ("text", 0),
        (7, 0),
    ],
    ids=str,
)
def test_a_response_says_from_where_on_a_batch_failed(response, expected):
    assert first_failed(response, ["a", "b", "c"]) == expected


# Retries -------------------------------------------------------------------------------------------------------------


def drain(records, poisons, **changes):
    """Play a shard's batch against a function that fails at any record of `poisons`;
    returns (delivered, given up, calls).
    """
    chosen = settings(**changes)
    pending, delivered, given_up, calls = [Attempt(tuple(records))], [], [], 0
    while pending:
        attempt, calls = pending.pop(), calls + 1
        bad = [at for at, one in enumerate(attempt.records) if one.position in poisons]
        if not bad:
            delivered += [one.position for one in attempt.records]
            continue
        failed_from = bad[0] if chosen.reports_failures else 0
        delivered += [one.position for one in attempt.records[:failed_from]]
        following = after_failure(attempt, failed_from, chosen)
        if following.discarded:
            given_up.append([one.position for one in following.discarded.records])
        pending += reversed(following.attempts)
    return delivered, given_up, calls


@given(
    count=st.integers(1, 60),
    poisons=st.sets(st.integers(0, 59), max_size=6),
    retries=st.integers(0, 3),
    reports=st.booleans(),
)
def test_with_bisecting_only_bad_records_are_given_up_and_order_is_kept(count, poisons, retries, reports):
    delivered, given_up, _ = drain(
        [record(n) for n in range(count)],
        poisons,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=retries,
        FunctionResponseTypes=["ReportBatchItemFailures"] if reports else [],
    )
    present = sorted(poisons & set(range(count)))
    assert given_up == [[poison] for poison in present]
    assert delivered == [n for n in range(count) if n not in present]


@given(count=st.integers(1, 30), poison=st.integers(0, 29), retries=st.integers(0, 3), reports=st.booleans())
def test_without_bisecting_the_rest_is_given_up_after_its_retries(count, poison, retries, reports):
    types = ["ReportBatchItemFailures"] if reports else []
    delivered, given_up, calls = drain(
        [record(n) for n in range(count)], {poison}, MaximumRetryAttempts=retries, FunctionResponseTypes=types
    )
    if poison >= count:
        assert (delivered, given_up, calls) == (list(range(count)), [], 1)
        return
    first = poison if reports else 0
    assert delivered == list(range(first))
    assert given_up == [list(range(first, count))]
    # The call that found it, when others went before it, was one with another batch.
    assert calls == retries + 1 + (1 if first else 0)


def test_a_call_with_progress_does_not_count_for_what_is_left():
    """Recorded on AWS: the sixth of two batches of three, three retries: once in its batch, four times alone."""
    attempt = Attempt(tuple(record(n) for n in (3, 4, 5)))
    for bisect in (False, True):
        chosen = settings(
            BisectBatchOnFunctionError=bisect,
            MaximumRetryAttempts=3,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        (alone,) = after_failure(attempt, 2, chosen).attempts
        assert alone == Attempt((record(5),))
        calls, following = 1, after_failure(alone, 0, chosen)
        while following.attempts:
            calls, following = calls + 1, after_failure(following.attempts[0], 0, chosen)
        assert calls == 4
        assert following.discarded == Attempt((record(5),), failures=4, invocations=4)


def test_half_a_batch_is_a_batch_of_its_own():
    whole = Attempt(tuple(record(n) for n in range(4)), invocations=1)
    halves = after_failure(whole, 0, settings(BisectBatchOnFunctionError=True, MaximumRetryAttempts=1)).attempts
    assert [(len(half.records), half.failures, half.invocations) for half in halves] == [(2, 0, 0), (2, 0, 0)]


def test_a_batch_is_retried_for_ever_unless_a_quota_is_set():
    attempt = Attempt((record(0),), failures=9_999, invocations=9_999)
    following = after_failure(attempt, 0, settings())
    assert following.attempts == (Attempt((record(0),), 10_000, 10_000),)
    assert following.wait_s == pauses.PACES["short"].longest_s


@pytest.fixture
def pace():
    """`pace(name)` chooses how long mappings wait, for this test."""
    yield pauses.choose
    pauses.choose(pauses.DEFAULT)


@pytest.mark.parametrize(("name", "attempts"), [("short", 63), ("recorded", 8)])
def test_so_many_attempts_are_made_in_a_minute(pace, name, attempts):
    """Eight were recorded on AWS; the short pauses of tests grow to a second."""
    pace(name)
    waits = [pauses.pause_s(failures) for failures in range(1, 100)]
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (
        pauses.PACES[name].first_s,
        2 * pauses.PACES[name].first_s,
        pauses.PACES[name].longest_s,
    )
    made_at_s = [sum(waits[:count]) for count in range(100)]
    assert sum(moment <= 60 for moment in made_at_s) == attempts


def test_a_pace_is_asked_for_by_name():
    assert pauses.serve(Request("GET", "", {})) == {"pace": "short"}
    with pytest.raises(RefusedError, match="`pace` is 'slow'; it may be short or recorded"):
        pauses.serve(Request("PUT", "", {"pace": "slow"}))


def test_only_leading_records_over_the_age_are_too_old():
    records = [record(0, 100.0), record(1, 139.9), record(2, 140.0), record(3, 150.0)]
    assert too_old(records, 60, now_s=200.0) == 2
    assert too_old(records, None, now_s=1e9) == 0
    assert too_old(records, 60, now_s=1e9) == 4


def test_a_payload_stays_within_6_mb():
    megabyte = record(0, event={"data": "x" * 1_000_000})
    assert within_payload([megabyte] * 10) == 6
    assert within_payload([record(0, event={"data": "x" * (MAX_PAYLOAD_BYTES + 1)}), megabyte]) == 1
    assert within_payload([record(n) for n in range(10_000)]) == 10_000


# Filters: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html (filter rule syntax) ------------

DOCUMENT = {
    "text": "Hello",
    "number": 5,
    "flag": True,
    "null": None,
    "empty": "",
    "list": ["a", 2],
    "nested": {"inner": {"deep": "x"}},
    "objects": [{"id": 1}, {"id": 2}],
}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({"text": ["Hello"]}, True),
        ({"text": ["hello"]}, False),
        ({"text": [{"equals-ignore-case": "hELLO"}]}, True),
        ({"text": ["no", "Hello"]}, True),
        ({"text": ["Hello"], "number": [5]}, True),
        ({"text": ["Hello"], "number": [6]}, False),
        ({"$or": [{"text": ["no"]}, {"number": [5]}]}, True),
        ({"$or": [{"text": ["no"]}, {"number": [6]}], "flag": [True]}, False),
        ({"number": ["5"]}, False),
        ({"number": [5.0]}, True),
        ({"number": [True]}, False),
        ({"flag": [1]}, False),
        ({"flag": [True]}, True),
        ({"null": [None]}, True),
        ({"text": [None]}, False),
        ({"absent": [None]}, False),
        ({"empty": [""]}, True),
        ({"number": [{"numeric": ["=", 5]}]}, True),
        ({"number": [{"numeric": [">", 4, "<=", 5]}]}, True),
        ({"number": [{"numeric": [">", 5]}]}, False),
        ({"text": [{"numeric": [">", 0]}]}, False),
        ({"text": [{"exists": True}]}, True),
        ({"text": [{"exists": False}]}, False),
        ({"absent": [{"exists": False}]}, True),
        ({"absent": [{"exists": True}]}, False),
        ({"nested": [{"exists": True}]}, False),
        ({"nested": {"inner": {"deep": [{"exists": True}]}}}, True),
        ({"nested": {"other": {"deep": [{"exists": False}]}}}, True),
        ({"text": [{"prefix": "He"}]}, True),
        ({"text": [{"suffix": "lo"}]}, True),
        ({"number": [{"prefix": "5"}]}, False),
        ({"text": [{"anything-but": ["Hello"]}]}, False),
        ({"text": [{"anything-but": ["other", 5]}]}, True),
        ({"text": [{"anything-but": {"prefix": "He"}}]}, False),
        ({"absent": [{"anything-but": ["x"]}]}, False),
        ({"list": ["a"]}, True),
        ({"list": [2]}, True),
        ({"list": ["b"]}, False),
        ({"objects": {"id": [2]}}, True),
        ({"objects": {"id": [3]}}, False),
        ({"nested": ["x"]}, False),
    ],
    ids=json.dumps,
)
def test_a_pattern_matches(pattern, matches):
    assert problem_of(json.dumps(pattern)) is None
    assert wanted(DOCUMENT, [pattern]) is matches


def kinesis_event(data):
    return {
        "kinesis": {"partitionKey": "k", "data": base64.b64encode(data).decode()},
        "eventName": "aws:kinesis:record",
    }


@pytest.mark.parametrize(
    ("data", "pattern", "matches"),
    [
        (b'{"a": 1}', {"data": {"a": [1]}}, True),
        (b'{"a": 1}', {"data": ["a"]}, False),
        (b"plain", {"data": ["plain"]}, True),
        (b"plain", {"data": {"a": [1]}}, False),
        (b"plain", {"partitionKey": ["k"]}, True),
        (b"plain", {"eventName": ["aws:kinesis:record"]}, True),
    ],
)
def test_kinesis_data_is_matched_decoded(data, pattern, matches):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html (properly filtering records)"""
    assert wanted(kinesis_event(data), [pattern]) is matches


@pytest.mark.parametrize(
    "pattern",
    [
        "no json",
        "[]",
        '{"a": "b"}',
        '{"a": []}',
        '{"a": [{"unknown": 1}]}',
        '{"a": [{"numeric": [">"]}]}',
        '{"a": [{"prefix": 1}]}',
        '{"$or": []}',
    ],
)
def test_what_is_no_pattern_is_said(pattern):
    assert problem_of(pattern) is not None


# Windows, failure records, sequence numbers --------------------------------------------------------------------------


def test_a_record_belongs_to_the_window_of_its_arrival():
    records = [record(0, 119.9), record(1, 120.0), record(2, 179.9), record(3, 180.0)]
    window = window_of(records[1], 60)
    assert (window.start_s, window.end_s) == (120, 180)
    assert of_one_window(records[1:], window) == 2
    assert not window.is_over(179.0, records[2])
    assert window.is_over(179.0, records[3])
    assert window.is_over(180.0, None)


def given_up(condition, arrivals_s, *, invocations=3, batch_info="KinesisBatchInfo"):
    return GivenUp(
        records=[record(at, arrival_s) for at, arrival_s in enumerate(arrivals_s, start=1)],
        condition=condition,
        invocations=invocations,
        function_arn="arn:aws:lambda:us-east-1:123456789012:function:f",
        executed_version="$LATEST" if invocations else None,
        function_error="Unhandled" if invocations else None,
        shard_id="shardId-000000000001",
        stream_arn="arn:aws:kinesis:us-east-1:123456789012:stream/s",
        batch_info=batch_info,
    )


def test_what_is_given_up_is_documented_as_lambda_does():
    now = datetime(2026, 1, 2, 3, 4, 5, 6_000, tzinfo=UTC)
    document = document_of(given_up("RetryAttemptsExhausted", [1_700_000_000.25, 1_700_000_001.5]), now)
    assert document.pop("timestamp") == "2026-01-02T03:04:05.006Z"
    assert document["requestContext"].pop("requestId")
    assert document == {
        "requestContext": {
            "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "approximateArrivalOfFirstRecord": "2023-11-14T22:13:20.250Z",
            "approximateArrivalOfLastRecord": "2023-11-14T22:13:21.500Z",
            "batchSize": 2,
            "streamArn": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
        },
    }
    assert object_key("id", "shard", now).startswith("aws/lambda/id/shard/2026/01/02/2026-01-02T03.04.05-")


@pytest.mark.parametrize(("invocations", "count"), [(0, 1), (1, 1), (8, 8)])
def test_what_grew_too_old_has_no_response_and_counts_once_at_least(invocations, count):
    document = document_of(given_up("RecordAgeExceeded", [1.0], invocations=invocations), datetime.now(UTC))
    assert "responseContext" not in document
    assert document["requestContext"]["approximateInvokeCount"] == count


def test_the_arrivals_of_a_tables_stream_are_whole_seconds():
    told = given_up("RecordAgeExceeded", [1_573_690_399.0], batch_info="DDBStreamBatchInfo")
    info = document_of(told, datetime.now(UTC))["DDBStreamBatchInfo"]
    assert info["approximateArrivalOfFirstRecord"] == "2019-11-14T00:13:19Z"
    assert info["approximateArrivalOfLastRecord"] == "2019-11-14T00:13:19Z"


@given(
    created=st.integers(1_600_000_000, 2**35),
    shard=st.integers(0, 2**31),
    index=st.integers(0, 2**40),
    now=st.floats(1_600_000_000, 2**35),
)
def test_a_sequence_number_has_56_digits_and_says_where_it_is(created, shard, index, now):
    number = compose(created, shard, index, now)
    assert len(number) == 56
    assert locate(number) == Located(created, shard, index)
    assert int(number) < int(compose(created, shard, index + 1, now))
    assert int(number) < int(compose(created + 1, shard + 1, 0, now))


@pytest.mark.parametrize("text", ["", "abc", "123", "٣", str(2**200)])
def test_what_is_no_sequence_number_is_not_located(text):
    assert locate(text) is None
