"""Rules of queues, topics and asynchronous invocations that need no emulator: filters, answers, order, retries."""

import json
from typing import Any

import pytest

from localcloud.emulator.asynchronous.attempts import (
    NO_CONCURRENCY,
    RETRIES_EXHAUSTED,
    TOO_OLD,
    End,
    Retry,
    after_failure,
    after_throttling,
    before_attempt,
)
from localcloud.emulator.asynchronous.settings import Settings
from localcloud.emulator.event_sources.queue_batches import failed_ids, record_of
from localcloud.emulator.message_rules import problem_of, size_bytes
from localcloud.emulator.queues.receiving import Receipt, in_turn
from localcloud.emulator.topics.filter_policies import PolicyError, require_policy
from localcloud.emulator.topics.filtering import lets_through

pytestmark = pytest.mark.pure


def text(value: str, data_type: str = "String") -> dict[str, str]:
    return {"DataType": data_type, "StringValue": value}


ATTRIBUTES = {
    "store": text("example_corp"),
    "price": text("210.75", "Number"),
    "interests": text('["rugby", "baseball", 7, null]', "String.Array"),
    "source": text("10.0.0.7"),
    "picture": {"DataType": "Binary", "BinaryValue": "AAAA"},
}


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ({"store": ["example_corp"]}, True),
        ({"store": ["Example_corp"]}, False),
        ({"store": [{"equals-ignore-case": "EXAMPLE_CORP"}]}, True),
        ({"store": [{"prefix": "example"}, "other"]}, True),
        ({"store": [{"suffix": "corp"}]}, True),
        ({"store": [{"wildcard": "ex*_*rp"}]}, True),
        ({"store": [{"wildcard": "ex*_cor"}]}, False),
        ({"store": [{"anything-but": ["a", "b"]}]}, True),
        ({"store": [{"anything-but": "example_corp"}]}, False),
        ({"store": [{"anything-but": {"prefix": "example"}}]}, False),
        ({"missing": [{"anything-but": "a"}]}, False),
        ({"price": [210.75]}, True),
        ({"price": ["210.75"]}, False),
        ({"price": [{"numeric": [">", 200, "<=", 210.75]}]}, True),
        ({"price": [{"numeric": ["=", 210]}]}, False),
        ({"store": [{"numeric": [">", 0]}]}, False),
        ({"interests": ["baseball"]}, True),
        ({"interests": [{"anything-but": ["rugby", 7]}]}, True),
        ({"interests": [None]}, True),
        ({"interests": [7]}, True),
        ({"source": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"source": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"store": [{"exists": True}], "missing": [{"exists": False}]}, True),
        ({"store": [{"exists": False}]}, False),
        ({"picture": [{"exists": True}]}, False),
        ({"store": ["example_corp"], "price": [1]}, False),
        ({"$or": [{"store": ["other"]}, {"price": [210.75]}]}, True),
        ({"$or": [{"store": ["other"]}, {"price": [1]}], "source": ["10.0.0.7"]}, False),
    ],
)
def test_policies_on_attributes(policy: dict[str, Any], wanted: bool) -> None:
    require_policy(json.dumps(policy), "MessageAttributes")
    assert lets_through(policy, "MessageAttributes", ATTRIBUTES, "any text") is wanted


def test_the_absence_of_an_attribute_is_seen_only_on_a_message_that_has_another_one() -> None:
    policy = {"missing": [{"exists": False}]}
    assert lets_through(policy, "MessageAttributes", {"other": text("1")}, "")
    assert not lets_through(policy, "MessageAttributes", {}, "")


@pytest.mark.parametrize(
    ("policy", "body", "wanted"),
    [
        ({"headers": {"route": [{"prefix": "a"}]}}, {"headers": [{"route": "b"}, {"route": "a1"}]}, True),
        ({"headers": {"route": [{"prefix": "a"}]}}, {"headers": {"route": ["b", "a1"]}}, True),
        ({"headers": {"route": [{"prefix": "a"}]}}, {"headers": [{"route": "b"}]}, False),
        ({"headers": {"route": [{"prefix": "a"}]}}, {"headers": "a1"}, False),
        ({"object.nested": ["v"]}, {"object": {"nested": "v"}}, True),
        ({"object.nested": ["v"]}, {"object.nested": "v"}, True),
        ({"object": {"nested": ["v"]}}, {"object.nested": "v"}, True),
        ({"object": {"nested": ["v"]}}, {"nested": "v"}, False),
        ({"a": {"b": [{"exists": False}]}}, {"a": {"c": 1}}, True),
        ({"a": [None]}, {"a": None}, True),
        ({"a": [True]}, {"a": 1}, False),
        ({"a": [1]}, {"a": True}, False),
        ({"a": [1]}, {"a": "1"}, False),
        ({"a": {"$or": [{"b": [1]}, {"c": [2]}]}}, {"a": {"c": 2}}, True),
    ],
)
def test_policies_on_the_body(policy: dict[str, Any], body: Any, wanted: bool) -> None:
    require_policy(json.dumps(policy), "MessageBody")
    assert lets_through(policy, "MessageBody", {}, json.dumps(body)) is wanted


@pytest.mark.parametrize("body", ["no JSON", "[1]", '"text"'])
def test_a_policy_on_the_body_lets_no_other_text_through(body: str) -> None:
    assert not lets_through({"a": [{"exists": False}]}, "MessageBody", {}, body)


@pytest.mark.parametrize(
    ("policy", "scope", "reason"),
    [
        ("no JSON", "MessageBody", "failed to parse"),
        ("[]", "MessageBody", "failed to parse"),
        ({name: ["v"] for name in "abcdef"}, "MessageAttributes", "more than 5 keys"),
        ({"a": list(range(10)), "b": list(range(16))}, "MessageAttributes", "too complex"),
        ({"a": {"b": {"c": [1, 2, 3, 4]}}, "d": {"e": list(range(7))}}, "MessageBody", "too complex"),
        ({"a": []}, "MessageAttributes", "Empty arrays"),
        ({"a": "text"}, "MessageAttributes", "must be an object or an array"),
        ({"a": {"b": [1]}}, "MessageAttributes", "does not support nested"),
        ({"a": [[1]]}, "MessageAttributes", "Match value must be"),
        ({"a": [{"prefix": "a", "suffix": "b"}]}, "MessageAttributes", "Only one key"),
        ({"a": [{"regex": "a"}]}, "MessageAttributes", "Unrecognized match type regex"),
        ({"a": [{"prefix": 1}]}, "MessageAttributes", "prefix match pattern must be a string"),
        ({"a": [{"exists": "yes"}]}, "MessageAttributes", "either true or false"),
        ({"a": [{"anything-but": {"numeric": ["=", 1]}}]}, "MessageAttributes", "Unsupported anything-but pattern"),
        ({"a": [{"cidr": "10.0.0.0"}]}, "MessageAttributes", "one '/' required"),
        ({"a": [{"cidr": "10.0.0.0/x"}]}, "MessageAttributes", "mask bits"),
        ({"a": [{"cidr": "300.0.0.0/8"}]}, "MessageAttributes", "Nonstandard IP address"),
        ({"a": [{"wildcard": "a**b"}]}, "MessageAttributes", "Consecutive"),
        ({"a": [{"numeric": []}]}, "MessageAttributes", "Invalid member"),
        ({"a": [{"numeric": ["!", 1]}]}, "MessageAttributes", "Unrecognized numeric range operator"),
        ({"a": [{"numeric": ["=", "1"]}]}, "MessageAttributes", "Value of equals must be numeric"),
        ({"a": [{"numeric": ["<", 1, ">", 0]}]}, "MessageAttributes", "Too many elements"),
        ({"a": [{"numeric": [">", 1, "=", 2]}]}, "MessageAttributes", "Bad numeric range operator"),
        ({"a": [{"numeric": [">", 2, "<", 1]}]}, "MessageAttributes", "Bottom must be less"),
        ({"a": [{"numeric": [">", 1, "<", 2, "<", 3]}]}, "MessageAttributes", "Too many terms"),
    ],
)
def test_wrong_policies(policy: Any, scope: str, reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        require_policy(policy if isinstance(policy, str) else json.dumps(policy), scope)


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"other": 1}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "b"}]}, {"b"}),
        ({"batchItemFailures": [{"foo": "b"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]}, {"a", "b"}),
        ({"batchItemFailures": ["b"]}, {"a", "b"}),
        ({"batchItemFailures": "b"}, {"a", "b"}),
        ("text", {"a", "b"}),
    ],
)
def test_what_an_answer_means_for_a_batch_of_messages(answer: Any, failed: set[str]) -> None:
    assert failed_ids(answer, ["a", "b"]) == failed


def test_a_message_as_a_function_gets_it() -> None:
    stored = {
        "id": "m",
        "receipt_handle": "h",
        "body": "text",
        "md5_body": "1cb251ec0d568de6a929b520c4aed8d1",
        "md5_attrs": "d",
        "receive_count": 2,
        "first_receive_at": 1.5,
        "message_attributes": {"a": text("1")},
        "sys": {"SenderId": "s", "SentTimestamp": "1000"},
        "group_id": "g",
        "dedup_id": "1",
        "seq": "00000000000000000001",
    }
    assert record_of(stored, "arn:aws:sqs:eu-west-1:111111111111:q.fifo") == {
        "messageId": "m",
        "receiptHandle": "h",
        "body": "text",
        "attributes": {
            "SenderId": "s",
            "SentTimestamp": "1000",
            "ApproximateReceiveCount": "2",
            "ApproximateFirstReceiveTimestamp": "1500",
            "SequenceNumber": "00000000000000000001",
            "MessageDeduplicationId": "1",
            "MessageGroupId": "g",
        },
        "messageAttributes": {
            "a": {"stringValue": "1", "dataType": "String", "stringListValues": [], "binaryListValues": []}
        },
        "md5OfMessageAttributes": "d",
        "md5OfBody": "1cb251ec0d568de6a929b520c4aed8d1",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:111111111111:q.fifo",
        "awsRegion": "eu-west-1",
    }


@pytest.mark.parametrize(
    ("in_flight", "given"),
    [
        (set(), ["g1-1", "g1-2", "g1-3", "g2-1"]),
        ({"g1-1"}, ["g2-1"]),
        ({"g1-2"}, ["g1-1", "g2-1"]),
        ({"g2-1"}, ["g1-1", "g1-2", "g1-3"]),
    ],
)
def test_the_order_of_a_fifo_queue(in_flight: set[str], given: list[str]) -> None:
    names = ["g1-1", "g2-1", "g1-2", "g1-3"]
    stored = [{"id": one, "group_id": one[:2], "visible_at": 2.0 if one in in_flight else 0.0} for one in names]
    assert [one["id"] for one in in_turn(stored, 1.0, fifo=True)] == given
    assert [one["id"] for one in in_turn(stored, 1.0, fifo=False)] == [one for one in names if one not in in_flight]


def test_a_receipt_handle_is_read_back() -> None:
    receipt = Receipt("arn:aws:sqs:us-east-1:111111111111:q", "m", "1")
    assert Receipt.parse(receipt.handle) == receipt
    assert Receipt.parse("nonsense") is None


def test_the_size_and_the_faults_of_attributes() -> None:
    attributes = {"é": text("ü"), "b": {"DataType": "Binary", "BinaryValue": "AAAA"}}
    assert size_bytes("ä", attributes) == 2 + (2 + 6 + 2) + (1 + 6 + 3)
    assert problem_of({"a": text("1", "Number.int"), "b": {"DataType": "Binary.png", "BinaryValue": "AAAA"}}) is None
    wrong: list[dict[str, dict[str, str]]] = [
        {"": text("1")},
        {".a": text("1")},
        {"AWS.a": text("1")},
        {"a": {"StringValue": "1"}},
        {"a": {"DataType": "String", "BinaryValue": "AAAA"}},
        {"a": {"DataType": "Binary", "BinaryValue": "A"}},
        {"a": text("NaN?", "Number")},
    ]
    assert all(problem_of(one) for one in wrong)


def test_what_follows_from_an_attempt_at_an_event() -> None:
    settings = Settings("role", retries=2, maximum_age_s=60)
    assert before_attempt(settings, 60) is None
    assert before_attempt(settings, 61) == End(TOO_OLD)
    assert before_attempt(Settings("role", reserved_concurrency=0), 0) == End(NO_CONCURRENCY)
    first, second = after_failure(settings, 1, 0), after_failure(settings, 2, 0)
    assert isinstance(first, Retry)
    assert isinstance(second, Retry)
    assert 0 < first.pause_s < second.pause_s
    assert after_failure(settings, 3, 0) == End(RETRIES_EXHAUSTED)
    assert after_failure(settings, 1, 59.9) == End(TOO_OLD)
    assert after_failure(Settings("role", retries=0), 1, 0) == End(RETRIES_EXHAUSTED)
    pauses = [after_throttling(number).pause_s for number in range(1, 10)]
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1] == pauses[-2]
