"""Two sides of any content, in whatever order they come: exactly the keys that differ are found."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.cross_account_copy import partitions
from operations.cross_account_copy.partitions import Joined, Side, join

pytestmark = pytest.mark.pure

Rows = list[tuple[str, int]]
KEYS = st.integers(0, 40).map(lambda number: f'[{{"S":"key {number} ☂"}}]')
ONE = st.dictionaries(KEYS, st.integers(-1, 2 * 2**127), max_size=40).map(lambda rows: list(rows.items()))
MANY = st.lists(st.tuples(KEYS, st.integers(0, 3)), max_size=80)


def joined(folder: Path, one: Rows, many: Rows, failed: list[str] | None = None) -> Joined:
    sides = [Side(folder / name) for name in ("one", "many", "failed")]
    for side, rows in zip(sides, (one, many, [(key, -1) for key in failed or []]), strict=True):
        for key, digest in rows:
            side.add(key, digest, f"{key} {digest}")
    return join(*sides)


@settings(max_examples=80)
@given(
    one=ONE | MANY.map(lambda rows: list(dict(rows).items())),
    many=MANY,
    parts=st.integers(1, 7),
    held=st.integers(1, 30),
)
def test_exactly_the_keys_that_differ_are_found(one: Rows, many: Rows, parts: int, held: int) -> None:
    """However many partitions there are, and however few rows are held in memory."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "PARTITIONS", parts)
        patch.setattr(partitions, "HELD_ROWS", held)
        found = joined(Path(folder), one, many)

    here = dict(one)
    there = {key: {digest for name, digest in many if name == key} for key, _ in many}
    differing = {key for key in here.keys() | there.keys() if here.get(key) not in there.get(key, {None})}
    assert {one.key for one in found.candidates} == differing
    assert found.total == len(differing)
    for candidate in found.candidates:
        assert candidate.one == here.get(candidate.key)
        assert set(candidate.many) == there.get(candidate.key, set())
        assert all(place == f"{candidate.key} {digest}" for digest, place in candidate.many.items())
    assert found.counts["duplicates"] == len(many) - sum(map(len, there.values()))
    assert found.counts["superseded"] == sum(len(there[key]) - 1 for key in here.keys() - differing)


def test_a_failure_is_told_for_what_is_missing_and_is_no_difference_by_itself(tmp_path: Path) -> None:
    found = joined(tmp_path, [("here", 1), ("both", 2)], [("both", 2)], failed=["here", "both", "nowhere"])
    assert [(one.key, one.failed) for one in found.candidates] == [("here", "here -1")]


def test_too_many_differences_are_counted_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "KEPT_KEYS", 10)
    found = joined(tmp_path, [(str(key), key) for key in range(25)], [])
    assert (len(found.candidates), found.total) == (10, 25)


def test_a_side_that_is_read_again_has_only_what_it_has_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "HELD_ROWS", 2)
    side = Side(tmp_path / "side")
    for number in range(5):
        side.add(str(number), number)
    side.clear()
    side.add("now", 1)
    assert [row for number in range(partitions.PARTITIONS) for row in side.rows(number)] == [("now", 1, "")]
    assert side.count == 1
