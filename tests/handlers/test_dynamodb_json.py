"""The JSON of a Kinesis record becomes DynamoDB JSON without a value or a digit changed."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.cross_account_copier.dynamodb_json import MAX_ITEM_BYTES, decode, encode

pytestmark = pytest.mark.pure

# Numbers that boto3's own serialiser accepts as exact: up to 38 digits in DynamoDB's range.
numbers = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.integers(-92, 87),
)
text = st.text(st.characters(exclude_categories=["Cs"]))
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
values = st.recursive(
    st.none() | st.booleans() | text | numbers,
    lambda children: st.lists(children, max_size=5) | st.dictionaries(names, children, max_size=5),
    max_leaves=10,
)
documents = st.dictionaries(names, values, max_size=8)


def item_of(document: bytes) -> bytes:
    return encode(decode(document), {})


def as_json(value: Any) -> str:
    """JSON with decimals as number literals, which json.dumps cannot write."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{as_json(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(as_json, value)) + "]"
    return json.dumps(value)


@settings(max_examples=20)
@given(documents)
def test_boto3_reads_back_what_was_sent_and_would_have_sent_the_same(document: dict[str, Any]) -> None:
    item = json.loads(item_of(as_json(document).encode()))
    document = {name: value for name, value in document.items() if value is not None and value != ""}
    theirs = {name: TypeSerializer().serialize(value) for name, value in document.items()}

    assert {name: TypeDeserializer().deserialize(value) for name, value in item.items()} == document
    assert normalised(item) == normalised(theirs)


def normalised(value: Any) -> Any:
    """DynamoDB JSON with every number as its value: 1.0 and 1 are the same N."""
    if isinstance(value, dict):
        return {
            name: Decimal(part) if name == "N" and isinstance(part, str) else normalised(part)
            for name, part in value.items()
        }
    return [normalised(part) for part in value] if isinstance(value, list) else value


@settings(max_examples=20)
@given(st.floats(allow_nan=False, allow_infinity=False, min_value=1e-120, max_value=1e120))
def test_a_float_keeps_the_digits_that_its_producer_wrote(number: float) -> None:
    item = json.loads(item_of(json.dumps({"n": number}).encode()))
    assert item == {"n": {"N": repr(number)}}


def test_each_type_has_its_descriptor() -> None:
    document = b'{"n":-1.50,"t":true,"f":false,"l":[1,"",null,[]],"m":{"s":"","z":null,"a":{"b":{}}},"N":"S"}'
    assert json.loads(item_of(document)) == {
        "n": {"N": "-1.50"},
        "t": {"BOOL": True},
        "f": {"BOOL": False},
        "l": {"L": [{"N": "1"}, {"S": ""}, {"NULL": True}, {"L": []}]},
        "m": {"M": {"s": {"S": ""}, "z": {"NULL": True}, "a": {"M": {"b": {"M": {}}}}}},
        "N": {"S": "S"},
    }


def test_our_own_attributes_replace_those_of_the_document_and_empty_members_are_left_out() -> None:
    document = b'{"shardId":NEVER,"a":null,"b":"","":"","c":"x"}'.replace(b"NEVER", b"[" * 40 + b"1" + b"]" * 40)
    assert json.loads(encode(decode(document), {"shardId": "s-1"})) == {"c": {"S": "x"}, "shardId": {"S": "s-1"}}


def test_a_byte_order_mark_is_passed_over() -> None:
    assert json.loads(item_of(b'\xef\xbb\xbf{"a":1}')) == {"a": {"N": "1"}}


@pytest.mark.parametrize("levels", [1, 31])
def test_nesting_up_to_the_limit_is_accepted(levels: int) -> None:
    document = b'{"item":' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"
    assert item_of(document).count(b'"M"') == levels


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b'{"item":' + b'{"a":' * 32 + b"1" + b"}" * 33, "more than 32 levels"),
        (b'{"a":' + b"[" * 32 + b"1" + b"]" * 32 + b"}", "more than 32 levels"),
        (b'{"a":1e126}', "range"),
        (b'{"a":-1e-131}', "range"),
        (b'{"a":1e99999999999999999999}', "range"),
        (b'{"a":0.1000000000000000000000000000000000000001}', "38 digits"),
        (b'{"a":' + b"9" * 5000 + b"}", "38 digits"),
        (b'{"a":{"":1}}', "name is empty"),
        (b'{"\\udc00":1}', "surrogate"),
        (b"{} {}", "Extra data"),
        (b"", "Expecting value"),
        (b"null", "not an object"),
    ],
)
def test_what_dynamodb_cannot_hold_is_refused(document: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        item_of(document)


@pytest.mark.parametrize(
    "literal", ["1" + "0" * 120, "0." + "0" * 120 + "1", "1." + "0" * 60, "9.9999999999999999999999999999999999999E125"]
)
def test_zeroes_that_only_place_the_decimal_point_are_not_digits(literal: str) -> None:
    item = json.loads(item_of(f'{{"a":{literal}}}'.encode()))
    assert Decimal(item["a"]["N"]) == Decimal(literal)


def test_an_item_is_measured_as_dynamodb_does() -> None:
    """Names and values count in UTF-8, so that an item of the largest size is accepted although its JSON is longer."""
    fits = {"n": "ü" * ((MAX_ITEM_BYTES - 1) // 2)}
    assert len(item_of(json.dumps(fits).encode())) > MAX_ITEM_BYTES
    with pytest.raises(ValueError, match="larger than 409600 bytes"):
        item_of(json.dumps({"nn": fits["n"] + "ü"}).encode())
