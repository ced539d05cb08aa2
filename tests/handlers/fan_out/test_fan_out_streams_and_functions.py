"""Kinesis, Firehose, IoT and Lambda: what calls look like, what is refused, which addresses are right."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from fake_targets import FakeAccess, Service, row, sent, unit, units

from handlers.fan_out.contract import WrongRowError
from handlers.fan_out.destinations import destination_of
from handlers.fan_out.mapping import target_of
from handlers.fan_out.routes import route_of
from handlers.shared.errors import Cause

pytestmark = pytest.mark.pure

STREAM = "arn:aws:kinesis:us-east-2:222222222222:stream/orders.v2"
DELIVERY = "arn:aws:firehose:us-east-2:222222222222:deliverystream/orders.v2"
FUNCTION = "arn:aws:lambda:us-east-2:222222222222:function:orders"
ENDPOINT = "a1b2c3d4e5f6g7-ats.iot.eu-central-1.amazonaws.com"
TAKEN: dict[str, Any] = {"FailedRecordCount": 0, "FailedPutCount": 0}


@pytest.mark.parametrize(
    ("address", "named", "region"),
    [
        ("orders", {"StreamName": "orders"}, None),
        ("dotted.name_1-x", {"StreamName": "dotted.name_1-x"}, None),
        (STREAM, {"StreamARN": STREAM}, "us-east-2"),
    ],
)
def test_kinesis_gets_data_and_keys(address: str, named: dict[str, str], region: str | None) -> None:
    service = Service(TAKEN)
    access = FakeAccess(service)
    long = "k" * 257
    assert sent("kinesis", row("kinesis", address), access, [unit(b"\x00\xff", "key"), unit("2", long)]) == []
    [(_, arguments)] = service.calls
    records = arguments.pop("Records")
    assert arguments == named
    assert access.asked == [("kinesis", region)]
    assert records[0] == {"Data": b"\x00\xff", "PartitionKey": "key"}
    assert (records[1]["Data"], len(records[1]["PartitionKey"])) == (b"2", 64)


def test_a_name_is_looked_for_in_the_row_s_region() -> None:
    access = FakeAccess(Service(TAKEN))
    sent("kinesis", row("kinesis", "orders", region="ap-south-1"), access, units("x"))
    assert access.asked == [("kinesis", "ap-south-1")]


@pytest.mark.parametrize(
    ("kind", "count", "replies"),
    [("kinesis", "FailedRecordCount", "Records"), ("firehose", "FailedPutCount", "RequestResponses")],
)
def test_each_record_of_an_answer_is_looked_at(kind: str, count: str, replies: str) -> None:
    answer = {
        count: 2,
        replies: [
            {"SequenceNumber": "1"},
            {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"},
            {"SequenceNumber": "2"},
            {"ErrorCode": "InternalFailure"},
        ],
    }
    given = units("0", "1", "2", "3")
    refused = sent(kind, row(kind, "orders"), FakeAccess(Service(answer)), given)
    assert [(one.unit, one.cause) for one in refused] == [(given[1], Cause.TRANSIENT), (given[3], Cause.TRANSIENT)]
    assert refused[0].reason == "ProvisionedThroughputExceededException: slow down"


def test_firehose_gets_data() -> None:
    service = Service(TAKEN)
    access = FakeAccess(service)
    assert sent("firehose", row("firehose", "orders.v2"), access, units(b"\xff\n", "2")) == []
    assert service.calls == [
        ("put_record_batch", {"DeliveryStreamName": "orders.v2", "Records": [{"Data": b"\xff\n"}, {"Data": b"2"}]})
    ]


def test_a_delivery_stream_of_another_account_is_never_mistaken_for_the_own_one_of_that_name() -> None:
    service = Service(TAKEN)
    [refused] = sent("firehose", row("firehose", DELIVERY), FakeAccess(service, "111111111111"), units("x"))
    assert (refused.cause, service.calls) == (Cause.REFUSED, [])
    assert "belongs to 222222222222; a role of that account must be named" in refused.reason
    assert sent("firehose", row("firehose", DELIVERY), FakeAccess(service, "222222222222"), units("x")) == []
    role = "arn:aws:iam::222222222222:role/fanout"
    assert sent("firehose", row("firehose", DELIVERY, role=role), FakeAccess(service), units("x")) == []


def test_iot_publishes_each_unit_to_the_endpoint_of_the_row() -> None:
    service = Service({})
    access = FakeAccess(service)
    assert sent("iot", row("iot", f"{ENDPOINT}#orders/new"), access, units(b"\x00\xff")) == []
    assert service.calls == [("publish", {"topic": "orders/new", "qos": 1, "payload": b"\x00\xff"})]
    assert access.asked == [("iot-data", "eu-central-1", f"https://{ENDPOINT}")]


def record(number: int) -> str:
    return json.dumps({"kinesis": {"sequenceNumber": str(49590 + number)}, "eventSource": "aws:kinesis"})


@pytest.mark.parametrize(
    "address", ["orders", "orders:live", "222222222222:function:orders", FUNCTION, f"{FUNCTION}:7"]
)
def test_lambda_keeps_an_event_of_whole_records(address: str) -> None:
    service = Service({"StatusCode": 202})
    access = FakeAccess(service)
    given = [unit(record(number), "key", number) for number in range(3)]
    assert sent("lambda", row("lambda", address), access, given) == []
    [(_, arguments)] = service.calls
    assert json.loads(arguments.pop("Payload")) == {"Records": [json.loads(one.body) for one in given]}
    assert arguments == {"FunctionName": address, "InvocationType": "Event"}
    assert access.asked == [("lambda", "us-east-2" if address.startswith("arn:") else None)]


def invoked(reply: Any, **answer: Any) -> list[tuple[int, Cause, str]]:
    service = Service({"StatusCode": 200, "Payload": io.BytesIO(json.dumps(reply).encode()), **answer})
    target = row("lambda", "orders", invocation="RequestResponse")
    given = [unit(record(number), "key", number) for number in range(4)]
    refused = sent("lambda", target, FakeAccess(service), given)
    assert service.calls[0][1]["InvocationType"] == "RequestResponse"
    return [(one.unit.messages[0].position, one.cause, one.reason) for one in refused]


@pytest.mark.parametrize("reply", [None, "fine", {}, [1], {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_a_function_that_answers_has_taken_the_records(reply: Any) -> None:
    assert invoked(reply) == []


def test_a_function_that_fails_has_taken_none_and_gets_fewer_the_next_time() -> None:
    refused = invoked({"errorType": "KeyError", "errorMessage": "'secret data'"}, FunctionError="Unhandled")
    assert [one[:2] for one in refused] == [(number, Cause.SLOW) for number in range(4)]
    assert refused[0][2] == "the function failed (Unhandled): KeyError"


@pytest.mark.parametrize(
    ("kind", "options", "answer_s", "direct"),
    [
        ("lambda", {}, 2, True),
        ("lambda", {"invocation": "RequestResponse"}, 6, False),
        ("lambda", {"invocation": "RequestResponse", "answerSeconds": 30}, 30, False),
        ("lambda", {"invocation": "RequestResponse", "answerSeconds": 2}, 2, True),
        ("kinesis", {}, 2, True),
    ],
)
def test_a_function_that_may_work_for_longer_than_others_should_wait_is_left_to_the_drainer(
    kind: str, options: dict[str, Any], answer_s: int, direct: bool
) -> None:
    route = route_of(target_of(row(kind, "orders", **options)), 2)
    assert (route.answer_s, route.direct) == (answer_s, direct)


def test_a_function_that_reports_failures_has_taken_what_is_before_the_first() -> None:
    failures = [{"itemIdentifier": "49593"}, {"itemIdentifier": "49592"}]
    assert [one[0] for one in invoked({"batchItemFailures": failures})] == [2, 3]
    assert [one[0] for one in invoked({"batchItemFailures": [{"itemIdentifier": "unknown"}]})] == [0, 1, 2, 3]


WRONG = [
    ("kinesis", "a stream", {}, "destination", "it must be the name or the ARN of a stream, like orders or arn:aws:"),
    ("kinesis", f"{STREAM}/consumer/x:1", {}, "destination", "the name or the ARN of a stream"),
    ("kinesis", DELIVERY, {}, "destination", "the name or the ARN of a stream"),
    ("kinesis", STREAM, {"region": "eu-west-1"}, "region", "the destination is in us-east-2"),
    ("kinesis", "orders", {"maxBytes": "1"}, "maxBytes", "it must be a whole number from 1 to 10485760"),
    ("firehose", "a/b", {}, "destination", "the name or the ARN of a delivery stream"),
    ("firehose", DELIVERY, {"role": "arn:aws:iam::333333333333:role/x"}, "role", "it must be of 222222222222"),
    ("iot", "orders/new", {}, "destination", "it must be <endpoint>#<topic>, like a1b2"),
    ("iot", f"https://{ENDPOINT}#orders", {}, "destination", "it must be <endpoint>#<topic>"),
    ("iot", f"{ENDPOINT}#orders/+", {}, "destination", "+ and # are wildcards"),
    ("iot", f"{ENDPOINT}#$aws/things/x", {}, "destination", "begins with $"),
    ("iot", f"{ENDPOINT}#{'a/' * 8}", {}, "destination", "more than 7 slashes"),
    ("iot", f"{ENDPOINT}#{'a' * 257}", {}, "destination", "1 to 256 bytes"),
    ("iot", f"{ENDPOINT}#orders", {"region": "eu-west-1"}, "region", "the destination is in eu-central-1"),
    ("iot", f"{ENDPOINT}#orders", {"qos": 2}, "qos", "it must be a whole number from 0 to 1"),
    ("lambda", "an order", {}, "destination", "the name or the ARN of a function"),
    ("lambda", "arn:aws:lambda:us-east-2:222222222222:layer:orders", {}, "destination", "the ARN of a function"),
    ("lambda", "arn:aws:sns:us-east-2:222222222222:orders", {}, "destination", "the ARN of a function"),
    ("lambda", "orders", {"invocation": "sync"}, "invocation", "it must be one of Event, RequestResponse"),
    ("lambda", "orders", {"invocation": "RequestResponse", "answerSeconds": 31}, "answerSeconds", "from 1 to 30"),
    ("lambda", "orders", {"answerSeconds": 5}, "answerSeconds", "nobody waits for an answer of `invocation` Event"),
    ("lambda", "orders", {"invokation": "Event"}, "invokation", "invocation is"),
]


@pytest.mark.parametrize(("kind", "address", "options", "option", "right"), WRONG)
def test_a_wrong_row_names_the_option_and_what_is_right(
    kind: str, address: str, options: dict[str, Any], option: str, right: str
) -> None:
    with pytest.raises(WrongRowError) as wrong:
        destination_of(kind).parse(row(kind, address, **options))
    assert wrong.value.option == option
    assert right in str(wrong.value)


@pytest.mark.parametrize(
    ("kind", "address", "action", "arn"),
    [
        ("kinesis", STREAM, "kinesis:PutRecords", STREAM),
        ("kinesis", "orders", "kinesis:PutRecords", "arn:aws:kinesis:eu-west-1:111111111111:stream/orders"),
        ("firehose", "o", "firehose:PutRecordBatch", "arn:aws:firehose:eu-west-1:111111111111:deliverystream/o"),
        ("iot", f"{ENDPOINT}#o/n", "iot:Publish", "arn:aws:iot:eu-central-1:111111111111:topic/o/n"),
        ("lambda", FUNCTION, "lambda:InvokeFunction", FUNCTION),
        ("lambda", f"{FUNCTION}:live", "lambda:InvokeFunction", f"{FUNCTION}:live"),
        ("lambda", "o:live", "lambda:InvokeFunction", "arn:aws:lambda:eu-west-1:111111111111:function:o:live"),
        (
            "lambda",
            "2" * 12 + ":function:o",
            "lambda:InvokeFunction",
            f"arn:aws:lambda:eu-west-1:{'2' * 12}:function:o",
        ),
    ],
)
def test_a_target_needs_one_action_on_one_resource(kind: str, address: str, action: str, arn: str) -> None:
    destination, target = destination_of(kind), row(kind, address)
    assert destination.grants(target, destination.parse(target)) == ([action], arn)


def test_a_name_is_of_the_role_s_account() -> None:
    target = row("kinesis", "orders", role="arn:aws:iam::333333333333:role/x", region="us-east-1")
    destination = destination_of("kinesis")
    _, arn = destination.grants(target, destination.parse(target)) or ((), "")
    assert arn == "arn:aws:kinesis:us-east-1:333333333333:stream/orders"


def test_limits_are_those_of_the_services() -> None:
    def limits(kind: str, address: str, **options: Any) -> tuple[Any, ...]:
        destination = destination_of(kind)
        found = destination.limits(destination.parse(row(kind, address, **options)))
        return (*found[:3], found.overhead(unit("body", "four")))

    assert limits("kinesis", "o") == (500, 10_485_760, 1_048_576, 4)
    assert limits("kinesis", "o", maxBytes=5_000_000) == (500, 10_485_760, 5_000_000, 4)
    assert limits("firehose", "o") == (500, 4_194_304, 1_024_000, 0)
    assert limits("iot", f"{ENDPOINT}#o") == (1, 131_072, 131_072, 0)
    assert limits("lambda", "o") == (10_000, 1_048_576 - 14, 1_048_576 - 14, 1)
    assert limits("lambda", "o", invocation="RequestResponse")[1] == 6_291_456 - 14
