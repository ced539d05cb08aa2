"""A table that is there already is looked at before anything is deployed: its keys, and where it streams to."""

from typing import Any

import pytest

from components.data_lake.layout import Layout
from components.data_lake.settings import LakeSettings
from operations.data_lake.preflight import other_destinations, other_format, wrong_keys

pytestmark = pytest.mark.pure

ARN = "arn:aws:dynamodb:us-east-1:666666666666:table/people"
STREAM = "arn:aws:kinesis:us-east-1:666666666666:stream/"


def settings(**more: Any) -> LakeSettings:
    return LakeSettings.model_validate({"kind": "data-lake", "table": {"tableArn": ARN}, **more})


def table(**keys: str) -> dict[str, Any]:
    return {
        "TableName": "people",
        "KeySchema": [{"AttributeName": name, "KeyType": "HASH"} for name in keys],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()],
    }


def test_keys_other_than_the_files_are_told_as_they_are_to_be_written() -> None:
    assert list(wrong_keys(table(id="S"), settings())) == []
    [told] = wrong_keys(table(Id="S", at="N"), settings())
    assert "Say `partitionKey: {name: Id, type: S}, sortKey: {name: at, type: N}`" in told
    both = settings(partitionKey={"name": "Id"}, sortKey={"name": "at", "type": "N"})
    assert list(wrong_keys(table(Id="S", at="N"), both)) == []


@pytest.mark.parametrize(
    ("stream", "status", "told"),
    [
        ("elsewhere", "ACTIVE", True),
        ("elsewhere", "ENABLING", True),
        ("elsewhere", "DISABLED", False),
        ("people-data-stream", "ACTIVE", False),
    ],
)
def test_only_another_stream_that_is_written_is_in_the_way(stream: str, status: str, told: bool) -> None:
    found = [{"StreamArn": f"{STREAM}{stream}", "DestinationStatus": status}]
    assert bool(list(other_destinations(found, settings()))) is told


@pytest.mark.parametrize(
    ("said", "told"),
    [({}, False), ({"format": "parquet"}, True), ({"format": "parquet", "prefix": "changes-parquet/"}, False)],
)
def test_another_format_is_looked_at_where_it_goes_into_the_folder_that_there_is(
    said: dict[str, str], told: bool
) -> None:
    deployed = {"layout": Layout().model_dump(by_alias=True)}
    assert other_format(deployed, Layout.model_validate(said)) is told
    assert not other_format({}, Layout.model_validate(said))
