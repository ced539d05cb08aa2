"""Items are equal when DynamoDB would say so, whatever order their parts came in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.instruments.items import differing_attributes, digest, key_attributes, key_of, share_of

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": {"S": "x"}, "b": {"N": "1"}}, {"b": {"N": "1"}, "a": {"S": "x"}}),
        ({"a": {"SS": ["x", "y"]}}, {"a": {"SS": ["y", "x"]}}),
        ({"a": {"NS": ["1", "2.50"]}}, {"a": {"NS": ["2.5", "1"]}}),
        ({"a": {"N": "100"}}, {"a": {"N": "1E+2"}}),
        ({"a": {"L": [{"BS": ["AA==", "AQ=="]}]}}, {"a": {"L": [{"BS": ["AQ==", "AA=="]}]}}),
        ({"a": {"M": {"x": {"N": "0.0"}, "y": {"NULL": True}}}}, {"a": {"M": {"y": {"NULL": True}, "x": {"N": "0"}}}}),
    ],
)
def test_equal_items_have_one_digest(one, other) -> None:  # type: ignore[no-untyped-def]
    assert digest(one) == digest(other)
    assert differing_attributes(one, other) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": {"S": "1"}}, {"a": {"N": "1"}}),
        ({"a": {"S": "x"}}, {"a": {"S": "X"}}),
        ({"a": {"L": [{"S": "x"}, {"S": "y"}]}}, {"a": {"L": [{"S": "y"}, {"S": "x"}]}}),
        (
            {"a": {"N": "12345678901234567890123456789012345678"}},
            {"a": {"N": "12345678901234567890123456789012345679"}},
        ),
        (
            {"a": {"N": "0.12345678901234567890123456789012345678"}},
            {"a": {"N": "0.12345678901234567890123456789012345679"}},
        ),
        ({"a": {"N": "10"}}, {"a": {"N": "-10"}}),
        ({"a": {"S": "x"}}, {}),
        ({"a": {"B": "AA=="}}, {"a": {"S": "AA=="}}),
    ],
)
def test_what_differs_in_value_or_type_differs_in_digest(one, other) -> None:  # type: ignore[no-untyped-def]
    assert digest(one) != digest(other)
    assert differing_attributes(one, other) == ["a"]


def test_zeros_of_any_sign_are_one_number() -> None:
    assert digest({"a": {"N": "-0"}}) == digest({"a": {"N": "0"}})


@given(st.text(), st.text())
def test_a_key_comes_back_from_its_text(first: str, second: str) -> None:
    item = {"id": {"S": first}, "at": {"S": second}, "other": {"S": "x"}}
    text = key_of(item, ["id", "at"])
    assert key_attributes(text, ["id", "at"]) == {"id": {"S": first}, "at": {"S": second}}
    assert 0 <= share_of(text, 7) < 7
