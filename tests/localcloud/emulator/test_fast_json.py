"""The fast way is the standard library's, also for what orjson refuses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator import fast_json

pytestmark = pytest.mark.pure

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_values_come_back(value) -> None:
    assert json.loads(fast_json.dumps(value)) == value
    assert fast_json.loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize("value", ["\ud800", {"half": "\udc00"}, 2**70])
def test_what_orjson_refuses_is_written_all_the_same(value) -> None:
    assert json.loads(fast_json.dumps(value)) == value


def test_what_orjson_refuses_is_read_all_the_same() -> None:
    assert fast_json.loads(b'"\\ud800"') == "\ud800"
    assert fast_json.loads('"ä"'.encode("utf-16")) == "ä"
    for broken in (b"", b"{", b"\xff"):
        with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
            fast_json.loads(broken)
    with pytest.raises(TypeError):
        fast_json.dumps(object())
