"""Messages into units: sizes, joining, and what can never be sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.fan_out.contract import Limits, Message, Unit
from handlers.fan_out.packing import Packing

pytestmark = pytest.mark.pure

ROOMY = Limits(call_units=10, call_bytes=1000, unit_bytes=1000)


def messages(*data: bytes, keys: str = "") -> list[Message]:
    """Messages with these data; `keys` has a letter for each."""
    return [Message(index, None, keys[index] if keys else "k", f"shard:{index}", one) for index, one in enumerate(data)]


def bodies(units: Sequence[Unit]) -> list[bytes]:
    return [unit.body for unit in units]


def test_without_collapse_each_message_is_a_unit() -> None:
    given_messages = messages(b"1", b"\xff")
    packed = Packing(ROOMY).units(given_messages)
    assert packed.units == [Unit(message.data, (message,)) for message in given_messages]
    assert packed.poison == []


@pytest.mark.parametrize(
    ("collapse", "data", "body"),
    [
        ("JSON", [b'{"n":0.10}', b" [1] \n", b'"x"'], b'{"Records":[{"n":0.10},[1],"x"]}'),
        ("concat", [b"ab", b"\xff", b"c\n"], b"ab\xffc\n"),
        ("concat-b64", [b"ab", b"\xff", b"c"], base64.b64encode(b"ab\xffc")),
    ],
)
def test_messages_are_joined_as_the_original_documents_it(collapse: str, data: list[bytes], body: bytes) -> None:
    given_messages = messages(*data)
    packed = Packing(ROOMY, collapse).units(given_messages)
    assert packed.units == [Unit(body, tuple(given_messages))]
    assert packed.poison == []


def test_what_is_not_json_cannot_be_joined_as_json_and_hurts_no_neighbour() -> None:
    given_messages = messages(b"1", b"plain text", b"\xff", b"2")
    packed = Packing(ROOMY, "JSON").units(given_messages)
    assert bodies(packed.units) == [b'{"Records":[1,2]}']
    assert [message for message, _ in packed.poison] == given_messages[1:3]
    assert all(reason.endswith("`collapse` JSON cannot join it") for _, reason in packed.poison)


def test_a_unit_is_as_large_as_the_limit_and_no_larger() -> None:
    limits = Limits(call_units=10, call_bytes=1000, unit_bytes=len('{"Records":[11,22]}'))
    assert bodies(Packing(limits, "JSON").units(messages(b"11", b"22", b"33")).units) == [
        b'{"Records":[11,22]}',
        b'{"Records":[33]}',
    ]
    assert bodies(Packing(limits._replace(unit_bytes=18), "JSON").units(messages(b"11", b"22")).units) == [
        b'{"Records":[11]}',
        b'{"Records":[22]}',
    ]


def test_an_overhead_that_grows_with_the_messages_is_kept_within_the_limit() -> None:
    limits = Limits(10, 1000, 9, overhead=lambda unit: 3 * len(unit.messages))
    assert bodies(Packing(limits, "concat").units(messages(b"a", b"b", b"c")).units) == [b"a", b"bc"]


def test_a_message_that_is_too_large_alone_is_poison_and_the_only_one_is_no_exception() -> None:
    limits = Limits(call_units=10, call_bytes=100, unit_bytes=6, overhead=lambda unit: len(unit.key))
    for collapse in ("none", "concat"):
        packed = Packing(limits, collapse).units(messages(b"123456"))
        assert packed.units == []
        assert packed.poison == [(messages(b"123456")[0], "it has 7 bytes, and the target takes 6 at most")]
        packed = Packing(limits, collapse).units(messages(b"a", b"1234567", b"b"))
        assert b"".join(bodies(packed.units)) == b"ab"
        assert [message.data for message, _ in packed.poison] == [b"1234567"]


def test_where_the_target_orders_by_key_only_messages_of_a_key_are_joined() -> None:
    packed = Packing(ROOMY, "concat", by_key=True).units(messages(b"1", b"2", b"3", b"4", keys="abab"))
    assert bodies(packed.units) == [b"13", b"24"]


def test_a_unit_is_taken_apart_into_the_form_in_which_it_was_joined() -> None:
    packing = Packing(ROOMY, "JSON")
    (unit,) = packing.units(messages(b"1", b"2")).units
    assert bodies(packing.apart(unit)) == [b'{"Records":[1]}', b'{"Records":[2]}']
    assert [one.messages for one in packing.apart(unit)] == [(message,) for message in unit.messages]


@given(
    st.lists(st.binary(max_size=12), max_size=30),
    st.sampled_from(["none", "concat", "concat-b64"]),
    st.booleans(),
    st.integers(4, 40),
)
def test_nothing_is_lost_or_reordered_by_packing(data: list[bytes], collapse: str, by_key: bool, most: int) -> None:
    given_messages = [Message(i, None, "ab"[i % 2], f"s:{i}", one) for i, one in enumerate(data)]
    packed = Packing(Limits(10, 1000, most), collapse, by_key).units(given_messages)
    assert all(len(unit.body) <= most for unit in packed.units)
    in_units = [message for unit in packed.units for message in unit.messages]
    aside = [message for message, _ in packed.poison]
    assert sorted([*in_units, *aside]) == given_messages
    for key in "ab":
        ids = [message.position for message in in_units if message.key == key]
        assert ids == sorted(ids)


@given(st.lists(st.integers(), min_size=1, max_size=30), st.integers(20, 60))
def test_joined_json_holds_what_was_joined(numbers: list[int], most: int) -> None:
    packed = Packing(Limits(10, 1000, most), "JSON").units(messages(*(str(number).encode() for number in numbers)))
    assert all(len(unit.body) <= most for unit in packed.units)
    joined = [number for unit in packed.units for number in json.loads(unit.body)["Records"]]
    assert joined == [number for number in numbers if len(str(number)) + 14 <= most]
