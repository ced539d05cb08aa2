"""The mapping table: read in pages, kept for a while, and a wrong row hurts no other one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from handlers.fan_out.mapping import CACHED_S, MappingTable, Wrong, rows_under
from handlers.fan_out.rows import Item, item_of

pytestmark = pytest.mark.pure

STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/inputStream"
TABLE = "arn:aws:dynamodb:eu-west-1:111111111111:table/logfile"
TABLE_STREAM = f"{TABLE}/stream/2026-11-22T10:00:00.000"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/111111111111/orders"


class FakeTable:
    """Answers queries in pages of two items."""

    def __init__(self, *items: Item) -> None:
        self.items = list(items)
        self.queries: list[str] = []
        self.now = 100.0

    def query(
        self,
        TableName: str,  # noqa: N803  # the names of the API
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: dict[str, Any],  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        assert (TableName, KeyConditionExpression) == ("fanoutTargets", "sourceArn = :arn")
        arn = ExpressionAttributeValues[":arn"]
        self.queries.append(arn["S"])
        found = sorted((item for item in self.items if item["sourceArn"] == arn), key=lambda item: item["id"]["S"])
        if ExclusiveStartKey is not None:
            found = [item for item in found if item["id"]["S"] > ExclusiveStartKey["id"]["S"]]
        page: dict[str, Any] = {"Items": found[:2]}
        if len(found) > 2:
            page["LastEvaluatedKey"] = {name: found[1][name] for name in ("sourceArn", "id")}
        return page

    def mapping(self) -> MappingTable:
        return MappingTable("fanoutTargets", lambda: self, lambda: self.now)


def item(name: str, arn: str = STREAM, **options: Any) -> Item:
    least = {"sourceArn": arn, "id": name, "type": "sqs", "destination": QUEUE, "active": True}
    return item_of({**least, **options})


def ids(table: FakeTable, arn: str = STREAM) -> Iterator[str]:
    return (target.row.id for target in table.mapping().targets(arn).rows)


def test_a_table_of_several_pages_is_read_whole() -> None:
    table = FakeTable(*(item(f"t{index}") for index in range(7)))
    assert list(ids(table)) == [f"t{index}" for index in range(7)]
    assert len(table.queries) == 4


def test_inactive_rows_are_read_too_since_their_backlogs_wait() -> None:
    table = FakeTable(item("a", active=False), item("b"))
    assert [target.row.active for target in table.mapping().targets(STREAM).rows] == [False, True]


@pytest.mark.parametrize(
    ("source", "arns"),
    [
        (STREAM, (STREAM,)),
        (f"{STREAM}/consumer/app:1700000000", (STREAM,)),
        (TABLE_STREAM, (TABLE_STREAM, TABLE)),
    ],
)
def test_rows_are_found_under_the_stream_and_those_of_a_table_under_the_table_as_well(
    source: str, arns: tuple[str, ...]
) -> None:
    assert rows_under(source) == arns
    table = FakeTable(*(item(f"of{index}", arn) for index, arn in enumerate(arns)), item("other", f"{STREAM}2"))
    assert list(ids(table, source)) == [f"of{index}" for index in range(len(arns))]


def test_a_wrong_row_is_told_and_stops_no_other() -> None:
    table = FakeTable(
        item("a"),
        item("b", type="sqq"),
        item("c", destination="orders"),
        item("d", collapse="json"),
        item("e", active="yes"),
        item("f"),
    )
    found = table.mapping().targets(STREAM)
    assert [target.row.id for target in found.rows] == ["a", "f"]
    assert [(wrong.id, wrong.option) for wrong in found.wrong] == [
        ("b", "type"),
        ("c", "destination"),
        ("d", "collapse"),
        ("e", "active"),
    ]
    assert found.wrong[0].message == (
        "type is 'sqq'; it must be one of sns, sqs, es, kinesis, firehose, iot, lambda, memcached, redis"
    )


def test_of_two_rows_with_one_id_that_of_the_stream_counts_and_the_other_is_told() -> None:
    table = FakeTable(item("a", TABLE), item("a", TABLE_STREAM))
    found = table.mapping().targets(TABLE_STREAM)
    assert [target.row.source_arn for target in found.rows] == [TABLE_STREAM]
    assert found.wrong == (Wrong(TABLE, "a", "id", f"id is that of a row of {TABLE_STREAM}; name one of them anew"),)


def test_rows_are_kept_for_half_a_minute_and_then_read_again() -> None:
    table = FakeTable(item("a"))
    mapping = table.mapping()
    assert [target.row.id for target in mapping.targets(STREAM).rows] == ["a"]
    table.items.append(item("b"))
    table.now += CACHED_S - 1
    assert [target.row.id for target in mapping.targets(STREAM).rows] == ["a"]
    assert [target.row.id for target in mapping.targets(STREAM, longest_s=0).rows] == ["a", "b"]
    table.items.append(item("c"))
    table.now += CACHED_S
    assert [target.row.id for target in mapping.targets(STREAM).rows] == ["a", "b", "c"]


def test_a_row_that_did_not_change_stays_the_same_target_and_a_changed_one_is_another() -> None:
    table = FakeTable(item("a"), item("b"))
    mapping = table.mapping()
    before = mapping.targets(STREAM).rows
    table.items[1] = item("b", parallel=False)
    table.now += CACHED_S
    after = mapping.targets(STREAM).rows
    assert after[0] is before[0]
    assert (before[1].row.parallel, after[1].row.parallel) == (True, False)


def test_a_fifo_queue_keeps_order_unless_its_row_says_otherwise() -> None:
    fifo = f"{QUEUE}.fifo"
    table = FakeTable(item("a", destination=fifo), item("b", destination=fifo, order="none"), item("c"))
    assert [target.ordered for target in table.mapping().targets(STREAM).rows] == [True, False, False]
