"""DynamoDB JSON becomes plain JSON without a value or a digit changed."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.firehose_forwarder.lines import line_of

pytestmark = pytest.mark.pure

numbers = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.integers(-92, 87),
)
text = st.text(st.characters(exclude_categories=["Cs"]))
binary = st.binary().map(Binary)
scalars = st.none() | st.booleans() | text | numbers | binary
sets = (
    st.sets(text.filter(bool), min_size=1, max_size=4)
    | st.sets(numbers, min_size=1, max_size=4)
    | st.sets(st.binary(min_size=1), min_size=1, max_size=4)
)
values = st.recursive(
    scalars | sets,
    lambda children: st.lists(children, max_size=5) | st.dictionaries(text, children, max_size=5),
    max_leaves=10,
)


def as_lambda_passes_it(attribute: Any) -> Any:
    """DynamoDB JSON as it arrives in a stream event: binary values in base64."""
    if isinstance(attribute, dict):
        return {name: as_lambda_passes_it(value) for name, value in attribute.items()}
    if isinstance(attribute, (list, set)):
        return [as_lambda_passes_it(value) for value in attribute]
    return base64.b64encode(bytes(attribute)).decode() if isinstance(attribute, (bytes, Binary)) else attribute


def plain(value: Any) -> Any:
    """What the line must hold for a value that boto3 reads."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, set)):
        return [plain(part) for part in value]
    return base64.b64encode(value.value).decode() if isinstance(value, Binary) else value


def read(line: bytes) -> Any:
    return json.loads(line, parse_float=Decimal, parse_int=Decimal)


@settings(max_examples=20)
@given(st.dictionaries(text, values, max_size=8))
def test_a_line_holds_what_boto3_reads(item: dict[str, Any]) -> None:
    image = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    theirs = {name: plain(TypeDeserializer().deserialize(value)) for name, value in image.items()}

    line = line_of(as_lambda_passes_it(image))

    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert unordered(read(line)) == unordered(theirs)


def unordered(value: Any) -> Any:
    """Lists as sorted text, since a set has no order and JSON no sets."""
    if isinstance(value, dict):
        return {name: unordered(part) for name, part in value.items()}
    return sorted(repr(unordered(part)) for part in value) if isinstance(value, list) else value


def test_each_type_has_its_form() -> None:
    image = {
        "s": {"S": 'line\nbreak "quoted" ü \u2028'},
        "n": {"N": "12345678901234567890123456789012345678"},
        "small": {"N": "-0.0000000001"},
        "b": {"B": "AAEC"},
        "yes": {"BOOL": True},
        "no": {"BOOL": False},
        "null": {"NULL": True},
        "m": {"M": {"a": {"L": [{"N": "1"}, {"M": {}}]}}},
        "ss": {"SS": ["a", "b"]},
        "ns": {"NS": ["1", "2.50"]},
        "bs": {"BS": ["AA==", "AQ=="]},
    }
    assert (
        line_of(image)
        == (
            '{"s":"line\\nbreak \\"quoted\\" ü \u2028","n":12345678901234567890123456789012345678,'
            '"small":-0.0000000001,'
            '"b":"AAEC","yes":true,"no":false,"null":null,"m":{"a":[1,{}]},"ss":["a","b"],"ns":[1,2.50],'
            '"bs":["AA==","AQ=="]}\n'
        ).encode()
    )


@pytest.mark.parametrize("number", ["007", ".5", "+1", "1.", "1E+100"])
def test_a_number_in_a_form_that_json_does_not_know_keeps_its_value(number: str) -> None:
    assert read(line_of({"n": {"N": number}})) == {"n": Decimal(number)}
