"""A lake is called different only where table and lake still differ at a second look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fake_table import FakeDynamoDB, table

from handlers.lake_transformer.rules import rules_of
from operations.data_lake import querying, verifying
from operations.instruments.athena import Ended
from operations.instruments.items import digest, key_of
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item

pytestmark = pytest.mark.pure


class FakeRows:
    """What a lake's items are."""

    def __init__(self, items: list[Item]) -> None:
        self._items = {key_of(item, ["PK"]): item for item in items}

    def digests(self) -> Iterator[tuple[str, int]]:
        return ((key, digest(item)) for key, item in self._items.items())

    def get(self, keys: list[str]) -> dict[str, Item]:
        return {key: self._items[key] for key in keys if key in self._items}


def person(key: str, name: str = "Adam") -> Item:
    return {"PK": {"S": key}, "name": {"S": name}}


def verify(looks: list[list[Item]], in_table: list[Item], rules: Any = None) -> verifying.Report:
    """Compare a table with a lake that has these items, one list for each look; the last one stays."""
    dynamodb, left = FakeDynamoDB(), list(looks)
    dynamodb.put(*in_table)

    @contextmanager
    def lake() -> Iterator[Any]:
        yield FakeRows(left.pop(0) if len(left) > 1 else left[0])

    now = iter(range(10_000))
    patience = Patience(settle_s=1, longest_s=50, clock=lambda: next(now), sleep=lambda _: None)
    return verifying.verify(table(dynamodb), lake, rules or {}, patience, RateLimit(None))


def test_equal_ends_are_equal_at_the_first_look() -> None:
    report = verify([[person("1"), person("2")]], [person("2"), person("1")])
    assert report.equal
    assert report.items == (2, 2)


def test_what_is_on_its_way_is_waited_for() -> None:
    in_table = [person("1", "Eve"), person("2")]
    assert verify([[person("1")], [person("1")], in_table], in_table).equal


def test_what_stays_different_is_named() -> None:
    report = verify([[person("1"), person("3")]], [person("1", "Eve"), person("2")])
    assert (report.missing, report.extra) == (['[{"S":"2"}]'], ['[{"S":"3"}]'])
    assert [(one.key, one.attributes) for one in report.differing] == [('[{"S":"1"}]', ["name"])]


def test_hidden_attributes_are_compared_as_they_are_hidden() -> None:
    rules = rules_of(["name"], ["email"], "salt")
    item = {**person("1"), "email": {"S": "a@example.com"}}
    hidden = dict(verifying.redacted_item(item, rules))
    assert "name" not in hidden
    assert verify([[hidden]], [item], rules).equal
    assert not verify([[item]], [item], rules).equal


NAMES, ROWS = ["id", "name"], [["1", "Adam, Eve"], ["2", None]]


def test_rows_are_shown_as_a_table_csv_or_json() -> None:
    shown = querying.as_text(NAMES, ROWS)
    assert "Adam, Eve" in shown
    assert "None" not in shown
    assert querying.as_csv(NAMES, ROWS) == 'id,name\n1,"Adam, Eve"\n2,'
    assert querying.as_json(NAMES, ROWS).count("null") == 1
    assert querying.told(2, Ended(None, 1_234_567, "")) == "2 rows; 1,234,567 bytes scanned (0.00123 GB)"
