"""Fault rules: whom they select, how often they strike, and how batches are divided."""

import json
import random
from urllib.parse import parse_qsl, urlencode

import pytest

from localcloud.emulator.faults import form_batches
from localcloud.emulator.faults.batches import BATCHES, split
from localcloud.emulator.faults.errors import of_rule
from localcloud.emulator.faults.rules import Call, Rule, RuleError, RuleStore, names_of, parse

pytestmark = pytest.mark.pure

TABLE = "arn:aws:dynamodb:us-east-1:111111111111:table/orders"
PUT = Call(("111111111111",), "dynamodb", "PutItem", (TABLE,))


@pytest.mark.parametrize(
    ("selectors", "selected"),
    [
        ({}, True),
        ({"account": "111111111111"}, True),
        ({"account": "222222222222"}, False),
        ({"service": "dynamodb*"}, True),
        ({"operation": "*Item"}, True),
        ({"operation": "putitem"}, False),
        ({"resource": "orders"}, True),
        ({"resource": "table/orders"}, True),
        ({"resource": TABLE}, True),
        ({"resource": "ord*"}, True),
        ({"resource": "order"}, False),
        ({"duration_s": 0.0}, False),
    ],
)
def test_a_rule_selects_what_it_names(selectors, selected) -> None:
    assert Rule(id="r", effect="throttle", **selectors).selects(PUT) is selected


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:kinesis:us-east-1:1:stream/clicks", "clicks"),
        ("arn:aws:lambda:us-east-1:1:function:copier", "copier"),
        ("arn:aws:s3:::bucket/some/key", "bucket"),
        ("arn:aws:s3:::bucket/some/key", "bucket/some/key"),
        ("arn:aws:sqs:us-east-1:1:queue", "queue"),
        ("*", "*"),
    ],
)
def test_a_resource_is_known_by_its_name(arn, name) -> None:
    assert name in names_of(arn)


def test_only_temporary_keys_expire_and_stay_expired() -> None:
    rule = Rule(id="r", effect="expire", count=1)
    keys = ["AKIAROOT", "ASIAONE", "ASIATWO", "ASIAONE"]
    assert [rule.strikes(Call((), "s3", "PutObject", (), key)) for key in keys] == [False, True, False, True]


def test_latencies_add_up_and_one_other_fault_happens() -> None:
    store = RuleStore()
    for effect in ("throttle", "latency", "error", "latency"):
        store.put({"effect": effect})
    assert [rule.effect for rule in store.due(("latency", "throttle", "error"), PUT)] == [
        "throttle",
        "latency",
        "latency",
    ]


def test_a_store_is_active_while_it_holds_a_rule() -> None:
    store = RuleStore()
    assert not store.active
    rule = store.put({"effect": "deny"})
    assert store.active
    assert store.delete(rule.id) is rule
    assert not store.active


def test_settings_are_checked() -> None:
    with pytest.raises(RuleError, match="it must be one of latency"):
        parse("r", {"effect": "boom"})
    with pytest.raises(RuleError, match="no setting 'hit'"):
        parse("r", {"effect": "deny", "hit": 3})


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("dynamodb", "PutItem", "ProvisionedThroughputExceededException"),
        ("dynamodb", "DeleteItem", "ProvisionedThroughputExceededException"),
        ("dynamodb", "DescribeTable", "ThrottlingException"),
        ("kinesis", "UpdateShardCount", "LimitExceededException"),
        ("firehose", "PutRecordBatch", "ServiceUnavailableException"),
        ("glue", "GetTable", "ThrottlingException"),
    ],
)
def test_throttles_are_named_by_service_and_kind_of_operation(service, operation, code) -> None:
    assert of_rule(Rule(id="r", effect="throttle"), Call((), service, operation)).code == code


def test_a_rules_own_error_comes_first() -> None:
    rule = Rule(id="r", effect="error", code="Odd", message="why", status=418)
    fault = of_rule(rule, PUT)
    assert (fault.code, fault.message, fault.status) == ("Odd", "why", 418)


REQUESTS = {
    ("dynamodb", "BatchWriteItem"): {
        "RequestItems": {t: [{"PutRequest": {"Item": {"n": {"N": str(n)}}}} for n in range(9)] for t in ("a", "b")}
    },
    ("dynamodb", "BatchGetItem"): {"RequestItems": {"a": {"Keys": [{"n": {"N": str(n)}} for n in range(9)]}}},
    ("kinesis", "PutRecords"): {"StreamName": "s", "Records": [{"Data": str(n)} for n in range(9)]},
    ("firehose", "PutRecordBatch"): {"DeliveryStreamName": "s", "Records": [{"Data": str(n)} for n in range(9)]},
    ("sqs", "SendMessageBatch"): {"QueueUrl": "q", "Entries": [{"Id": str(n)} for n in range(9)]},
    ("sqs", "DeleteMessageBatch"): {"QueueUrl": "q", "Entries": [{"Id": str(n)} for n in range(9)]},
}


@pytest.mark.parametrize("key", BATCHES, ids="/".join)
def test_a_batch_is_divided_without_losing_an_item(key) -> None:
    request = REQUESTS[key]
    for share in (0.0, 0.5, 1.0):
        body, _, left_out = split(BATCHES[key], json.dumps(request).encode(), share, random.Random(1))
        assert (body is None) == (share == 1.0)
        if share == 0.0:
            assert json.loads(body) == request
            assert not left_out
        if share == 0.5:
            assert json.loads(body) != request
            assert left_out


def test_a_form_is_divided_and_its_entries_are_numbered_anew() -> None:
    entries = [("Action", "PublishBatch")]
    for number in range(1, 10):
        entries += [
            (f"PublishBatchRequestEntries.member.{number}.{name}", f"{name}{number}") for name in ("Id", "Message")
        ]
    kept, held = form_batches.split(urlencode(entries).encode(), 0.5, random.Random(1))
    assert kept is not None
    fields = dict(parse_qsl(kept.decode()))
    count = (len(fields) - 1) // 2
    ids = [fields[f"PublishBatchRequestEntries.member.{number}.Id"] for number in range(1, count + 1)]
    assert sorted(ids + held) == [f"Id{number}" for number in range(1, 10)]
    assert form_batches.split(urlencode(entries).encode(), 1.0, random.Random(1))[0] is None


@pytest.mark.parametrize("empty", [b"<Failed/>", b"<Failed></Failed>"])
def test_failed_entries_are_put_into_a_forms_answer(empty) -> None:
    assert form_batches.complete(b"<R>" + empty + b"</R>", ["a"]) == (
        b"<R><Failed><member><Id>a</Id><Code>InternalError</Code><Message>Internal error</Message>"
        b"<SenderFault>false</SenderFault></member></Failed></R>"
    )
