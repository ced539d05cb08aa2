"""A function's environment is checked when it starts, and a mistake names itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import ModuleType

import pytest
from fake_aws import FakeAws, FakeContext
from stream_events import DONE, failed_at, json_event

from handlers.click_stream_writer.settings import Settings as ClickStreamSettings
from handlers.cross_account_copier.settings import Settings as CopierSettings
from handlers.firehose_forwarder.settings import Settings as ForwarderSettings
from handlers.shared.errors import SettingsError

pytestmark = pytest.mark.pure

ROLE = {"ROLE_ARN": "arn:aws:iam::999999999999:role/DynamoDB-ProdAnalyticsWrite-role"}
WEEKS = {"2026-W53": "clicks-2026-W53", "2027-W01": "clicks-2027-W01"}


@pytest.mark.parametrize(
    ("read", "environment", "message"),
    [
        (CopierSettings, {}, "ROLE_ARN is not set: it must hold the ARN of the role"),
        (CopierSettings, {"ROLE_ARN": "writer", "TABLE_NAME": "t"}, "ROLE_ARN is 'writer': it must be the ARN"),
        (CopierSettings, ROLE, "neither of the environment variables TABLE_NAME and WEEKLY_TABLES is set"),
        (CopierSettings, ROLE | {"TABLE_NAME": "t", "WEEKLY_TABLES": "{}"}, "both of the .* are set"),
        (CopierSettings, ROLE | {"WEEKLY_TABLES": json.dumps(WEEKS)}, "OLDER_TABLE is not set"),
        (CopierSettings, ROLE | {"WEEKLY_TABLES": "2026", "OLDER_TABLE": "o"}, "WEEKLY_TABLES is '2026'"),
        (CopierSettings, ROLE | {"WEEKLY_TABLES": '{"2026-47": "t"}', "OLDER_TABLE": "o"}, 'like {"2026-W47"'),
        (CopierSettings, ROLE | {"TABLE_NAME": "t", "WRITE_THREADS": "0"}, "WRITE_THREADS is '0': .* from 1 to 32"),
        (CopierSettings, ROLE | {"TABLE_NAME": "t", "WRITE_THREADS": "many"}, "WRITE_THREADS is 'many'"),
        (ForwarderSettings, {"DELIVERY_STREAM": " "}, "DELIVERY_STREAM is not set"),
        (ForwarderSettings, {"DELIVERY_STREAM": "d", "PACK_BYTES": "2000000"}, "PACK_BYTES is '2000000'"),
        (ClickStreamSettings, {}, "TABLE_NAME is not set"),
    ],
)
def test_a_mistake_is_named(
    read: type[CopierSettings | ForwarderSettings | ClickStreamSettings], environment: Mapping[str, str], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        read.from_environment(environment)


def test_a_function_without_its_environment_does_not_start(load: Callable[..., ModuleType]) -> None:
    with pytest.raises(SettingsError, match="DELIVERY_STREAM"):
        load("firehose_forwarder")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def weekly_copier(load: Callable[..., ModuleType]) -> ModuleType:
    return load("cross_account_copier", **ROLE, WEEKLY_TABLES=json.dumps(WEEKS), OLDER_TABLE="clicks-older")


def test_each_record_goes_to_the_table_of_the_week_in_which_it_arrived(aws: FakeAws, weekly_copier: ModuleType) -> None:
    """ISO weeks: 2027 starts in the week 2026-W53, and 2027-W01 on its first Monday."""
    arrivals = [
        "2015-05-05T00:00:00",
        "2026-12-27T23:59:59.999",
        "2026-12-28T00:00:00",
        "2027-01-03T23:59:59.999",
        "2027-01-04T00:00:00",
    ]
    event = json_event(*({"arrived": arrival} for arrival in arrivals))
    for record, arrival in zip(event["Records"], arrivals, strict=True):
        record["kinesis"]["approximateArrivalTimestamp"] = at(arrival)

    assert weekly_copier.handler(event, FakeContext()) == DONE

    written = {table: sorted(item["arrived"]["S"] for item in items.values()) for table, items in aws.tables.items()}
    assert written == {
        "clicks-older": arrivals[:2],
        "clicks-2026-W53": arrivals[2:4],
        "clicks-2027-W01": arrivals[4:],
    }


def test_a_record_of_a_week_that_has_no_table_yet_waits_in_the_stream(
    aws: FakeAws, weekly_copier: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    event = json_event({"n": 0}, {"n": 1}, {"n": 2})
    for record, arrival in zip(event["Records"], ["2027-01-10", "2027-01-11", "2027-01-12"], strict=True):
        record["kinesis"]["approximateArrivalTimestamp"] = at(arrival)

    assert weekly_copier.handler(event, FakeContext()) == failed_at(1)

    assert [item["n"] for item in aws.items("clicks-2027-W01")] == [{"N": "0"}]
    assert list(aws.tables) == ["clicks-2027-W01"]
    assert "no table for the week 2027-W02" in json.loads(capsys.readouterr().out)["reason"]
