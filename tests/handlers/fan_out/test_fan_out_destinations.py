"""The table of destinations: what every kind of target has, and what a new one costs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import pytest
from fake_targets import FakeAccess, row, sent, unit

from handlers.fan_out import destinations
from handlers.fan_out.contract import Access, Destination, Limits, Refused, Unit
from handlers.fan_out.mapping import target_of
from handlers.fan_out.rows import Row
from handlers.shared.errors import Cause

pytestmark = pytest.mark.pure

NINE = ["es", "firehose", "iot", "kinesis", "lambda", "memcached", "redis", "sns", "sqs"]
COLLAPSING = {"iot", "sns", "sqs"}


def test_there_are_the_nine_types_of_the_original() -> None:
    assert sorted(destinations.TYPES) == NINE
    for kind in NINE:
        destination = destinations.destination_of(kind)
        assert (destination.collapses, destination.in_network, destination.takes_records) == (
            kind in COLLAPSING,
            kind in {"memcached", "redis"},
            kind == "lambda",
        )


@pytest.mark.parametrize(
    ("kind", "destination"),
    [
        ("kinesis", "dotted.name"),
        ("sqs", "https://sqs.eu-west-1.amazonaws.com/111111111111/orders.fifo"),
        ("sns", "arn:aws:sns:eu-west-1:111111111111:orders.fifo"),
        ("es", "vpc-orders-a1b2c3.eu-west-1.es.amazonaws.com#orders"),
        ("sns", "arn:aws-us-gov:sns:us-gov-west-1:111111111111:orders"),
        ("lambda", "arn:aws:lambda:eu-west-1:111111111111:function:orders"),
    ],
)
def test_destinations_that_the_original_passed_over_in_silence_are_followed(kind: str, destination: str) -> None:
    assert target_of(row(kind, destination)).destination is destinations.destination_of(kind)


def test_a_tenth_destination_is_one_module_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module with `DESTINATION`, and its line in the table: nothing else knows of types."""
    posted: list[tuple[str, bytes]] = []

    def open_page(_row: Row, address: str, _access: Access) -> Any:
        def send(given: Sequence[Unit]) -> Sequence[Refused]:
            posted.extend((address, one.body) for one in given if one.body)
            return [Refused(one, Cause.RECORD, "it is empty") for one in given if not one.body]

        return send

    module = ModuleType("handlers.fan_out.destinations.webhook")
    module.DESTINATION = Destination(  # type: ignore[attr-defined]
        parse=lambda target: target.destination,
        open=open_page,
        limits=lambda _address: Limits(10, 1_000, 100),
        grants=lambda _row, _address: None,
    )
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(destinations, "TYPES", {**destinations.TYPES, "webhook": module.__name__})

    target = row("webhook", "https://hooks.example.com/orders")
    given = [unit("one"), unit("")]
    assert sent("webhook", target, FakeAccess(None), given) == [Refused(given[1], Cause.RECORD, "it is empty")]
    assert posted == [("https://hooks.example.com/orders", b"one")]


def test_what_only_some_types_need_is_imported_with_their_first_target() -> None:
    script = (
        "import sys; from handlers.fan_out.destinations import destination_of\n"
        "for kind in sys.argv[1:]: destination_of(kind)\n"
        "print([name for name in ('redis', 'pymemcache', 'jmespath', 'boto3') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script, *NINE], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() in ("[]", "['jmespath']")  # botocore imports it as well


def test_what_only_some_rows_need_is_imported_with_the_first_that_asks_for_it() -> None:
    some = ["changes", "envelopes", "filters"]
    others = ["kinesis_records", "kpl", "ordered", "plain_json"]
    script = (
        "import sys, handlers.fan_out.routes; from handlers.fan_out.destinations import destination_of\n"
        "destination_of('sqs'); print([name for name in sys.argv[1:] if name in sys.modules])"
    )
    names = [*(f"handlers.fan_out.{name}" for name in some), *(f"handlers.shared.{name}" for name in others), "difflib"]
    shown = subprocess.run([sys.executable, "-c", script, *names], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_nothing_is_asked_of_a_service_before_the_first_call() -> None:
    addresses = {
        "es": "search.example.com#orders",
        "iot": "a-ats.iot.eu-west-1.amazonaws.com#t",
        "memcached": "cache.example.com",
        "redis": "cache.example.com",
        "sns": "arn:aws:sns:eu-west-1:222222222222:t",
        "sqs": "arn:aws:sqs:eu-west-1:222222222222:q",
    }
    for kind in NINE:
        access, target = FakeAccess(None), row(kind, addresses.get(kind, "orders"))
        destination = destinations.destination_of(kind)
        destination.open(target, destination.parse(target), access.access)
        assert access.made == 0, kind
