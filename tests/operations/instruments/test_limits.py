"""What can be an item of DynamoDB and a key of one, at the limits that AWS documents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from operations.instruments import limits

pytestmark = pytest.mark.pure


def nested(levels: int, inner: Any, as_list: bool = True) -> Any:
    for _ in range(levels):
        inner = [inner] if as_list else {"a": inner}
    return inner


@pytest.mark.parametrize("as_list", [True, False])
def test_31_arrays_or_objects_may_be_around_a_scalar(as_list: bool) -> None:
    limits.check({"v": nested(31, "x", as_list)})
    limits.check_levels({"v": nested(31, "x", as_list)})
    for check in (limits.check, limits.check_levels):
        with pytest.raises(ValueError, match="more than 32 levels"):
            check({"v": nested(32, "x", as_list)})
        with pytest.raises(ValueError, match="more than 32 levels"):
            check({"v": nested(50_000, "x", as_list)})


@pytest.mark.parametrize("text", ["9" * 38, "1" + "0" * 125, "1E-130", "-9.9E+125", "0E+999", "1.50"])
def test_a_number_within_the_limits(text: str) -> None:
    limits.check({"n": Decimal(text)})


@pytest.mark.parametrize("text", ["9" * 39, "1E+126", "1E-131", "1." + "1" * 38])
def test_a_number_beyond_the_limits(text: str) -> None:
    with pytest.raises(ValueError, match=r"digits|range"):
        limits.check({"n": Decimal(text)})


def test_sizes_and_names() -> None:
    limits.check({"s": "x" * (400 * 1024 - 1)})
    for fields in ({"s": "x" * 400 * 1024}, {"s": "ü" * 205 * 1024}, {"n" * 410_000: None}):
        with pytest.raises(ValueError, match="larger than 409600 bytes"):
            limits.check(fields)
    for fields, why in (({"": 1}, "name is empty"), ({"v": {"": 1}}, "name is empty"), ({"v": "\ud800"}, "surrogate")):
        with pytest.raises(ValueError, match=why):
            limits.check(fields)


@pytest.mark.parametrize(
    ("kind", "value", "can"),
    [
        ("S", "x" * 2048, True),
        ("S", "x" * 2049, False),
        ("S", "ü" * 1025, False),
        ("S", "", False),
        ("S", "\ud800", False),
        ("B", "aGk=", True),
        ("B", "", False),
        ("B", "no base64", False),
        ("N", "1.5", True),
        ("N", "abc", False),
        ("N", "NaN", False),
        ("N", "9" * 39, False),
        ("BOOL", True, False),
        ("S", 5, False),
    ],
)
def test_what_can_be_a_key(kind: str, value: object, can: bool) -> None:
    assert limits.can_be_key(kind, value, 2048) is can
