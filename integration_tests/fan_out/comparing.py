"""The records of the stories, and how what has arrived is compared with what was put in."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from integration_tests.fan_out.conftest import KEYS
from integration_tests.fan_out.places import Place
from integration_tests.support.waiting import eventually

Records = Sequence[tuple[str, bytes]]

# What keeps the order of keys by itself; a row with `parallel: false` asks for it.
FIFO = ("sns-fifo", "sqs-fifo")


def orders(count: int, start: int = 0) -> list[tuple[str, bytes]]:
    """Keys and data of so many records."""
    return [
        (
            KEYS[number % len(KEYS)],
            json.dumps({"key": KEYS[number % len(KEYS)], "n": number}, separators=(",", ":")).encode(),
        )
        for number in range(start, start + count)
    ]


def by_key(found: Iterable[bytes]) -> dict[str, list[int]]:
    """The numbers of the records of each key, in their order."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for data in found:
        record = json.loads(data)
        numbers[record["key"]].append(record["n"])
    return dict(numbers)


def newest(records: Iterable[tuple[str, bytes]]) -> list[bytes]:
    """The last data of each key, in the order of KEYS."""
    last = dict(records)
    return [last[key] for key in KEYS if key in last]


def compare(name: str, place: Place, records: Records, timeout: float = 120.0) -> None:
    """Everything has arrived, as often as it was put in, and in the order of its key where that is promised."""
    expected = newest(records) if place.newest_only else sorted(data for _, data in records)

    def found() -> list[bytes]:
        data = place.arrived()
        return data if place.newest_only else sorted(data)

    eventually(found, until=lambda data: data == expected or len(data) > len(expected), timeout=timeout, interval=0.5)
    assert found() == expected, f"{name} has {len(found())} of {len(expected)} records"
    keeps_order = name in FIFO or not place.row.get("parallel", True)
    if keeps_order and not place.newest_only:
        assert by_key(place.arrived()) == by_key(data for _, data in records)
