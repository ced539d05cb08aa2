"""SNS and SQS: what calls look like, what is refused, which addresses are right."""

from __future__ import annotations

from typing import Any

import pytest
from fake_targets import FakeAccess, Service, row, sent, unit, units

from handlers.fan_out.contract import Message, Unit, WrongRowError
from handlers.fan_out.destinations import destination_of
from handlers.shared.errors import Cause

pytestmark = pytest.mark.pure

TOPIC = "arn:aws:sns:eu-west-1:222222222222:orders"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/222222222222/orders"
PLACES = [("sns", TOPIC, "PublishBatchRequestEntries", "Message"), ("sqs", QUEUE, "Entries", "MessageBody")]


def entries(service: Service) -> list[dict[str, Any]]:
    [(_, arguments)] = service.calls
    return next(value for value in arguments.values() if isinstance(value, list))


@pytest.mark.parametrize(("kind", "address", "field", "text"), PLACES)
def test_units_are_the_entries_of_one_call(kind: str, address: str, field: str, text: str) -> None:
    service = Service({})
    assert sent(kind, row(kind, address), FakeAccess(service), units("one", "zwei ü")) == []
    [(_, arguments)] = service.calls
    assert arguments[field] == [{"Id": "0", text: "one"}, {"Id": "1", text: "zwei ü"}]


@pytest.mark.parametrize(("kind", "address"), [place[:2] for place in PLACES])
def test_each_entry_is_looked_at_and_a_failure_means_what_its_code_says(kind: str, address: str) -> None:
    failures = [
        {"Id": "0", "Code": "InternalError", "Message": "later", "SenderFault": False},
        {"Id": "2", "Code": "InvalidParameterValue", "Message": "too long", "SenderFault": True},
        {"Id": "3", "Code": "AccessDenied", "SenderFault": True},
        {"Id": "4", "Code": "AWS.SimpleQueueService.RequestThrottled"},
    ]
    given = units("0", "1", "2", "3", "4")
    refused = sent(kind, row(kind, address), FakeAccess(Service({"Failed": failures})), given)
    assert [(one.unit, one.cause) for one in refused] == [
        (given[0], Cause.TRANSIENT),
        (given[2], Cause.RECORD),
        (given[3], Cause.REFUSED),
        (given[4], Cause.TRANSIENT),
    ]
    assert refused[1].reason == "InvalidParameterValue: too long"


@pytest.mark.parametrize(("kind", "address"), [place[:2] for place in PLACES])
def test_what_is_no_text_is_refused_for_good_and_the_others_go(kind: str, address: str) -> None:
    service = Service({"Failed": [{"Id": "3", "Code": "InternalError"}]})
    given = units("fine", b"\xff\x00", "", "also fine")
    refused = sent(kind, row(kind, address), FakeAccess(service), given)
    assert [(one.unit.body, one.cause) for one in refused] == [
        (b"\xff\x00", Cause.RECORD),
        (b"", Cause.RECORD),
        (b"also fine", Cause.TRANSIENT),
    ]
    assert "collapse concat-b64" in refused[0].reason
    assert [entry["Id"] for entry in entries(service)] == ["0", "3"]


@pytest.mark.parametrize(("kind", "address"), [place[:2] for place in PLACES])
def test_a_call_of_nothing_but_binary_data_is_not_made(kind: str, address: str) -> None:
    service = Service({})
    assert len(sent(kind, row(kind, address), FakeAccess(service), units(b"\xff", b"\xfe"))) == 2
    assert service.calls == []


def test_characters_that_no_queue_takes_are_refused_for_good() -> None:
    service = Service({})
    given = units("tab\t and line\n", "a\x08b", "\ufffe")
    assert [one.unit for one in sent("sqs", row("sqs", QUEUE), FakeAccess(service), given)] == given[1:]
    assert [entry["MessageBody"] for entry in entries(service)] == ["tab\t and line\n"]


@pytest.mark.parametrize(("kind", "address"), [("sns", f"{TOPIC}.fifo"), ("sqs", f"{QUEUE}.fifo")])
def test_fifo_groups_by_key_and_knows_a_repetition(kind: str, address: str) -> None:
    destination = destination_of(kind)
    assert destination.ordered(destination.parse(row(kind, address)))

    def fields(target: str, *given: Unit) -> list[tuple[str, str]]:
        service = Service({})
        sent(kind, row(kind, address, id=target), FakeAccess(service), given)
        return [(entry["MessageGroupId"], entry["MessageDeduplicationId"]) for entry in entries(service)]

    first = fields("target1", unit("x", "key", 0), unit("x", "key", 1), unit("x", "clé à moi", 2))
    assert [group for group, _ in first[:2]] == ["key", "key"]
    assert len(first[2][0]) == 64  # a key that is no group's name
    assert len({known for _, known in first}) == 3
    assert fields("target1", unit("x", "key", 0))[0] == first[0]
    # Another target of the same queue, or messages that were joined otherwise, are no repetition.
    assert fields("target2", unit("x", "key", 0))[0] != first[0]
    longer = Unit(b"x", (*unit("x", "key", 0).messages, Message(1, None, "key", "shard:1", b"")))
    assert fields("target1", longer)[0] != first[0]


def test_a_queue_is_found_by_every_form_of_its_address() -> None:
    forms = {
        QUEUE: "eu-west-1",
        "https://sqs.eu-west-1.amazonaws.com.cn/222222222222/orders": "eu-west-1",
        "https://sqs.us-gov-west-1.amazonaws.com/222222222222/orders": "us-gov-west-1",
        "https://sqs-fips.us-east-2.amazonaws.com/222222222222/orders": "us-east-2",
        "https://sqs.us-iso-east-1.c2s.ic.gov/222222222222/orders": "us-iso-east-1",
        "https://sqs.eu-west-1.api.aws/222222222222/orders": "eu-west-1",
        "https://queue.amazonaws.com/222222222222/orders": "us-east-1",
        "https://ap-southeast-2.queue.amazonaws.com/222222222222/orders": "ap-southeast-2",
        "https://cn-north-1.queue.amazonaws.com.cn/222222222222/orders": "cn-north-1",
        "https://vpce-0a1b-c2d3.sqs.eu-west-3.vpce.amazonaws.com/222222222222/orders": "eu-west-3",
        "http://queues.example.com:4566/222222222222/orders": None,
        "arn:aws:sqs:eu-west-1:222222222222:orders": "eu-west-1",
        "arn:aws-cn:sqs:cn-north-1:222222222222:orders": "cn-north-1",
        "arn:aws-us-gov:sqs:us-gov-east-1:222222222222:orders": "us-gov-east-1",
    }
    for address, region in forms.items():
        service = Service({}, endpoint="https://the.endpoint")
        access = FakeAccess(service)
        assert sent("sqs", row("sqs", address), access, units("x")) == [], address
        assert access.asked[0][:2] == ("sqs", region), address
        assert service.calls[0][1]["QueueUrl"] == "https://the.endpoint/222222222222/orders", address


def test_a_queue_behind_an_endpoint_of_a_network_is_called_there() -> None:
    address = "https://vpce-0a1b-c2d3.sqs.eu-west-3.vpce.amazonaws.com/222222222222/orders"
    access = FakeAccess(Service({}))
    sent("sqs", row("sqs", address), access, units("x"))
    assert access.asked == [("sqs", "eu-west-3", "https://vpce-0a1b-c2d3.sqs.eu-west-3.vpce.amazonaws.com")]


WRONG = [
    ("sns", "orders", {}, "destination", "it must be the ARN of a topic, like arn:aws:sns:"),
    ("sns", "arn:aws:sqs:eu-west-1:222222222222:orders", {}, "destination", "it must be the ARN of a topic"),
    ("sns", "arn:aws:sns:eu-west-1:2222:orders", {}, "destination", "it must be the ARN of a topic"),
    ("sns", TOPIC, {"region": "us-east-1"}, "region", "the destination is in eu-west-1; leave region out"),
    ("sns", TOPIC, {"maxBytes": 2_000_000}, "maxBytes", "it must be a whole number from 1 to 1048576"),
    ("sns", TOPIC, {"maxbytes": 1_000}, "maxbytes", "maxBytes is"),
    ("sqs", "orders", {}, "destination", "it must be the URL or the ARN of a queue, like https://sqs."),
    ("sqs", "https://sqs.eu-west-1.amazonaws.com/orders", {}, "destination", "it must be the URL or the ARN"),
    ("sqs", "https://sns.eu-west-1.amazonaws.com/222222222222/orders", {}, "destination", "which is none of SQS"),
    ("sqs", "arn:aws:sqs:eu-west-1:222222222222:orders.fif", {}, "destination", "it must be the URL or the ARN"),
    ("sqs", QUEUE, {"region": "us-east-1"}, "region", "leave region out"),
]


@pytest.mark.parametrize(("kind", "address", "options", "option", "right"), WRONG)
def test_a_wrong_row_names_the_option_and_what_is_right(
    kind: str, address: str, options: dict[str, Any], option: str, right: str
) -> None:
    with pytest.raises(WrongRowError) as wrong:
        destination_of(kind).parse(row(kind, address, **options))
    assert wrong.value.option == option
    assert right in str(wrong.value)


def test_a_target_needs_one_action_on_one_resource() -> None:
    def grants(kind: str, address: str) -> Any:
        destination, target = destination_of(kind), row(kind, address)
        return destination.grants(target, destination.parse(target))

    assert grants("sns", TOPIC) == (["sns:Publish"], TOPIC)
    assert grants("sqs", QUEUE) == (["sqs:SendMessage"], "arn:aws:sqs:eu-west-1:222222222222:orders")
    assert (
        grants("sqs", "arn:aws:sqs:us-east-1:3" + "3" * 11 + ":o.fifo")[1]
        == "arn:aws:sqs:us-east-1:333333333333:o.fifo"
    )


def test_limits_are_those_of_the_services_and_of_the_row() -> None:
    def limits(kind: str, address: str, **options: Any) -> tuple[int, ...]:
        destination = destination_of(kind)
        return destination.limits(destination.parse(row(kind, address, **options)))[:3]

    assert limits("sns", TOPIC) == (10, 262_144, 262_144)
    assert limits("sns", TOPIC, maxBytes=1_048_576) == (10, 1_048_576, 1_048_576)
    assert limits("sqs", QUEUE) == (10, 1_048_576, 1_048_576)
    assert limits("sqs", QUEUE, maxBytes=1024) == (10, 1024, 1024)
