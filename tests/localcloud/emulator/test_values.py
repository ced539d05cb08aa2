"""What is found sooner about plain values is what the emulator finds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services import dynamodb

from localcloud.emulator.dynamodb.values import is_plain, plain_item_bytes

pytestmark = pytest.mark.pure

DIGITS = st.text("0123456789", min_size=1, max_size=40)
NUMBERS = st.one_of(
    DIGITS,
    st.builds(lambda digits, zeros: digits + "0" * zeros, DIGITS, st.integers(0, 39)),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(["", "-1", "+1", "00", "1_0", " 1", "1.", "١٢", "²"]),
)
WRONG = [
    {"BOOL": 1},
    {"NULL": False},
    {"L": "a"},
    {"M": [1]},
    {"S": 1},
    {"S": "a", "N": "1"},
    {},
    {"M": {"": {"S": "a"}}},
]
SCALARS = st.one_of(
    st.builds(lambda text: {"S": text}, st.text()),
    st.builds(lambda text: {"N": text}, NUMBERS),
    st.sampled_from([{"BOOL": True}, {"BOOL": False}, {"NULL": True}, {"SS": ["a"]}, {"B": "AA=="}, *WRONG]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(lambda elements: {"L": elements}, st.lists(inner, max_size=3)),
        st.builds(lambda parts: {"M": parts}, st.dictionaries(st.text(), inner, max_size=3)),
    ),
    max_leaves=8,
)


@given(NUMBERS)
def test_a_plain_number_is_valid_and_canonical(text) -> None:
    if is_plain(text):
        assert dynamodb._number_error(text) is None
        assert dynamodb._ddb_canonicalize_number(text) == text


@given(st.dictionaries(st.text(), VALUES))
def test_an_item_of_plain_values_is_valid_and_has_the_same_size(item) -> None:
    size_bytes = plain_item_bytes(item)
    if size_bytes is not None:
        assert dynamodb._validate_item(item) is None
        assert dynamodb._item_size_bytes(item) == size_bytes


def test_what_is_plain() -> None:
    assert [text for text in ("0", "7", "100", "-1", "-20", "9" * 38) if not is_plain(text)] == []
    wrong = ("", "-", "00", "01", "-0", "-01", "--1", "1.5", "9" * 39, "²", 7, None)
    assert [text for text in wrong if is_plain(text)] == []
    assert plain_item_bytes({"pk": {"S": "ä"}, "count": {"N": "1200"}}) == 2 + 2 + 5 + 2
    assert plain_item_bytes({"a": {"M": {"b": {"L": [{"N": "-5"}, {"NULL": True}]}}}}) == 1 + 3 + 1 + 1 + 3 + 2 + 3 + 1
    assert plain_item_bytes({"pk": {"S": "a"}, "tags": {"SS": ["a"]}}) is None
    deep: dict[str, object] = {"S": "a"}
    for _ in range(40):
        deep = {"M": {"a": deep}}
    assert plain_item_bytes({"pk": deep}) is None
