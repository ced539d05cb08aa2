"""Rows of the mapping table: what the original documents is taken, and what is wrong names its option."""

from __future__ import annotations

from typing import Any

import pytest

from handlers.fan_out.contract import WrongRowError
from handlers.fan_out.rows import OPTIONS, Row, item_of, row_of

pytestmark = pytest.mark.pure

STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/inputStream"
LEAST: dict[str, Any] = {
    "sourceArn": STREAM,
    "id": "target1",
    "type": "kinesis",
    "destination": "outputStream",
    "active": True,
}


def row(**options: Any) -> Row:
    return row_of(item_of({**LEAST, **options}))


def test_a_row_with_only_what_is_required_has_the_documented_defaults() -> None:
    assert row() == Row(
        source_arn=STREAM,
        id="target1",
        type="kinesis",
        destination="outputStream",
        active=True,
        options={},
        role=None,
        external_id=None,
        region=None,
        collapse="JSON",
        parallel=True,
        convert_ddb=False,
        deaggregate=False,
        append_newlines=False,
        passthrough=False,
        filter=None,
        transform=None,
        envelope=False,
        max_concurrency=None,
        retry_seconds=86_400,
        order=None,
        declared=False,
    )


def test_every_option_is_read() -> None:
    everything = {
        "role": "arn:aws:iam::999999999999:role/path/fanout-target1",
        "externalId": "5f1d:a/b",
        "region": "us-gov-west-1",
        "collapse": "concat-b64",
        "parallel": False,
        "convertDDB": True,
        "deaggregate": True,
        "appendNewlines": True,
        "passthrough": True,
        "filter": '{"data": {"country": ["IE"]}}',
        "transform": "{user: user.id}",
        "envelope": True,
        "maxConcurrency": 4,
        "retrySeconds": 600,
        "order": "none",
        "declared": True,
        "ttlSeconds": 60,
        "tls": True,
    }
    assert {*everything, *LEAST} >= OPTIONS.keys()
    found = row(**everything)
    assert [getattr(found, OPTIONS[name].field) for name in everything if name in OPTIONS] == [
        value for name, value in everything.items() if name in OPTIONS
    ]
    assert found.options == {"ttlSeconds": 60, "tls": True}


def test_an_option_that_is_null_is_not_given() -> None:
    assert row_of({**item_of(LEAST), "role": {"NULL": True}, "externalId": {"NULL": True}}) == row()


@pytest.mark.parametrize(
    "source",
    [
        "arn:aws:kinesis:eu-west-1:111111111111:stream/with.dots",
        "arn:aws-us-gov:kinesis:us-gov-west-1:111111111111:stream/inputStream",
        "arn:aws:dynamodb:ap-southeast-2:111111111111:table/a.table_-9",
        "arn:aws:dynamodb:eu-west-1:111111111111:table/logfile/stream/2026-11-22T10:00:00.000",
    ],
)
def test_streams_tables_and_their_streams_of_any_partition_are_sources(source: str) -> None:
    assert row(sourceArn=source).source_arn == source


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.required])
def test_a_required_option_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(WrongRowError, match=f"^{name} is missing; it must be ") as error:
        row_of(item_of({option: value for option, value in LEAST.items() if option != name}))
    assert error.value.option == name


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sourceArn", "inputStream", "sourceArn is 'inputStream'; it must be the ARN of a Kinesis stream, of a table"),
        ("sourceArn", f"{STREAM}/consumer/app:1700000000", f"(the stream's own ARN, {STREAM})"),
        ("id", "a/b", "id is 'a/b'; it must be 1 to 128 printable ASCII characters but / and #"),
        ("id", "a#b", "printable ASCII"),
        ("type", "", "type is ''"),
        ("destination", "", "destination is ''"),
        ("active", "true", "active is 'true' of type S; it must be BOOL: true or false"),
        ("parallel", 1, "parallel is 1 of type N; it must be BOOL"),
        ("role", "fanoutRole", "role is 'fanoutRole'; it must be the ARN of an IAM role, like arn:aws:iam::"),
        ("externalId", "x", "externalId is 'x'; it must be 2 to 1224 letters"),
        ("region", "Ireland", "region is 'Ireland'; it must be a Region, like eu-west-1"),
        ("collapse", "json", "collapse is 'json'; it must be one of none, JSON, concat, concat-b64"),
        ("collapse", True, "collapse is True of type BOOL; it must be S: one of none"),
        ("filter", "{", "filter is '{': it is not JSON"),
        ("filter", '{"data": "IE"}', "data must be an array of values and rules, or an object; it must be a filter"),
        ("transform", "a..b", "transform is 'a..b': "),
        ("maxConcurrency", 0, "maxConcurrency is 0; it must be a whole number from 1 to 64"),
        ("maxConcurrency", 1.5, "maxConcurrency is 1.5; it must be a whole number from 1 to 64"),
        ("maxConcurrency", "2", "maxConcurrency is '2' of type S; it must be N: a whole number"),
        ("retrySeconds", 9_999_999, "retrySeconds is 9999999; it must be whole seconds from 0 to 1209600"),
        ("order", "strict", "order is 'strict'; it must be one of key, none"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_right(name: str, value: Any, message: str) -> None:
    with pytest.raises(WrongRowError) as error:
        row(**{"role": "arn:aws:iam::999999999999:role/there", name: value})
    assert message in str(error.value)
    assert error.value.option == name


def test_an_external_id_without_a_role_is_told() -> None:
    with pytest.raises(WrongRowError, match="externalId is given without role"):
        row(externalId="5f1d")


@pytest.mark.parametrize("name", ["convertDdb", "append-newlines", "max_concurrency"])
def test_an_option_in_another_spelling_is_told_instead_of_doing_nothing(name: str) -> None:
    with pytest.raises(WrongRowError, match=f"^{name} is no option; it must be spelt "):
        row(**{name: True})


@pytest.mark.parametrize(
    ("options", "by_target", "ordered"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"parallel": False}, False, True),
        ({"order": "key"}, False, True),
        ({"order": "none", "parallel": False}, True, False),
    ],
)
def test_order_is_by_key_where_the_row_or_the_target_asks_for_it(
    options: dict[str, Any], by_target: bool, ordered: bool
) -> None:
    assert row(**options).ordered(by_target) is ordered


@pytest.mark.parametrize(
    ("options", "calls"),
    [({}, 2), ({"parallel": False}, 1), ({"maxConcurrency": 7}, 7), ({"parallel": False, "maxConcurrency": 3}, 3)],
)
def test_calls_under_way_at_once(options: dict[str, Any], calls: int) -> None:
    assert row(**options).calls == calls
