"""Whatever an item holds, its line has all of it: the item read back is the item that was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.lake_transformer.answers import Transformed, answer
from handlers.lake_transformer.changes import OLD_PREFIX, ChangeWriter, change_of
from handlers.lake_transformer.flattening import Flattener
from handlers.lake_transformer.shapes import ShapedWriter
from operations.data_lake.rows import item_of, old_item_of, read_line
from operations.instruments.items import digest

pytestmark = pytest.mark.pure

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text('a"\\\n\t/:,7é', max_size=8)
# Names that come to few columns, beside names that may be anything.
names = (
    st.text("aAbB_.-1é", min_size=1, max_size=5) | text.filter(bool) | st.sampled_from(["change_event", "S", "N", "M"])
)
numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,37})(\.[0-9]{0,5}[1-9])?(E[+-][1-9][0-9]?)?", fullmatch=True)
binary = st.sampled_from(["", "AA==", "AAEC"])
scalars = st.one_of(
    text.map(lambda value: {"S": value}),
    numbers.map(lambda value: {"N": value}),
    binary.map(lambda value: {"B": value}),
    st.booleans().map(lambda value: {"BOOL": value}),
    st.just({"NULL": True}),
    st.lists(text, min_size=1, max_size=3, unique=True).map(lambda value: {"SS": value}),
    st.lists(numbers, min_size=1, max_size=3, unique=True).map(lambda value: {"NS": value}),
    st.lists(binary, min_size=1, max_size=2, unique=True).map(lambda value: {"BS": value}),
)
attributes = st.recursive(
    scalars,
    lambda children: (
        st.lists(children, max_size=3).map(lambda value: {"L": value})
        | st.dictionaries(names, children, max_size=4).map(lambda value: {"M": value})
    ),
    max_leaves=8,
)
items = st.dictionaries(names, attributes, min_size=1, max_size=6)
keys = st.dictionaries(
    names, text.map(lambda value: {"S": value}) | numbers.map(lambda value: {"N": value}), min_size=1, max_size=2
)


def change(key: Any, new: Any, old: Any) -> dict[str, Any]:
    return {
        "eventID": "3c9d2a38",
        "eventName": "MODIFY",
        "tableName": "table",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_374_590_123,
            "Keys": key,
            "NewImage": new,
            "OldImage": old,
            "SizeBytes": 40,
        },
        "eventSource": "aws:dynamodb",
    }


def writer(*, keep_nested: bool = False, whole_items: bool = False) -> ChangeWriter:
    old = Flattener({}, prefix=OLD_PREFIX, keep_nested=keep_nested)
    return ChangeWriter(Flattener({}, keep_nested=keep_nested), old, whole_items=whole_items)


@settings(max_examples=60)
@given(keys, items, items, st.booleans(), st.booleans())
def test_an_item_is_read_back_as_it_was(key: Any, new: Any, old: Any, keep_nested: bool, whole_items: bool) -> None:
    line = writer(keep_nested=keep_nested, whole_items=whole_items).line(change(key, new, old), "1")
    assert line.index("\n") == len(line) - 1
    columns = [name for name, _ in json.loads(line, object_pairs_hook=list)]
    assert len(set(columns)) == len(columns)
    assert all(column == column.lower() for column in columns)
    row = read_line(line)
    assert json.loads(row["change_key"]) == key
    assert item_of(row) == new
    assert digest(item_of(row)) == digest(new)
    assert old_item_of(row) == old


def other_values(attribute: Any, draw: Any) -> Any:
    """An attribute of the same shape with other values."""
    ((kind, value),) = attribute.items()
    match kind:
        case "S":
            return {"S": draw(text)}
        case "N":
            return {"N": draw(numbers | st.sampled_from(["007", "1.", "7000000000000000000000"]))}
        case "B":
            return {"B": draw(binary)}
        case "L":
            return {"L": [other_values(element, draw) for element in value]}
        case "M":
            return {"M": {name: other_values(part, draw) for name, part in value.items()}}
    return attribute


@settings(max_examples=60)
@given(keys, items, st.booleans(), st.booleans(), st.booleans(), st.data())
def test_a_record_of_a_known_shape_is_written_as_if_it_were_parsed(
    key: Any, item: Any, ascii_only: bool, spaced: bool, whole_items: bool, data: st.DataObject
) -> None:
    separators = (", ", ": ") if spaced else (",", ":")

    def as_text(image: Any) -> str:
        return json.dumps(change(key, image, item), ensure_ascii=ascii_only, separators=separators)

    parsing = writer(whole_items=whole_items)
    shaped = ShapedWriter(parsing)
    for _ in range(40):
        shaped.line(as_text(item), "1")
    for _ in range(3):
        one = as_text(other_values({"M": item}, data.draw)["M"])
        assert shaped.line(one, "2") == parsing.line(change_of(one), "2")


@settings(max_examples=40)
@given(st.lists(items | st.binary(max_size=60), max_size=6))
def test_every_record_is_answered_as_if_it_were_alone(contents: list[Any]) -> None:
    shaped = ShapedWriter(writer())

    def transform(record: Any) -> Transformed:
        return Transformed(shaped.line(record["data"].decode(), "1").encode(), {})

    records = [
        {
            "recordId": str(number),
            "data": one if isinstance(one, bytes) else json.dumps(change({"k": {"S": "1"}}, one, one)).encode(),
        }
        for number, one in enumerate(contents)
    ]
    together = answer(records, transform).records
    assert together == [answer([record], transform).records[0] for record in records]
    assert [one["result"] for one in together] == [
        "ProcessingFailed" if isinstance(one, bytes) else "Ok" for one in contents
    ]
