"""What every comparison of two ends of a copy does: read both into partitions, and look again at single keys.

A comparison has one side on which a key is there once, and one on which it may be there often.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from operations.cross_account_copy.expecting import KEY_NAMES
from operations.cross_account_copy.partitions import NO_ITEM, Candidate, Side
from operations.instruments.comparing import OnItems
from operations.instruments.failures import DAMAGE, Failure, Failures, Record
from operations.instruments.items import key_attributes
from operations.instruments.raw import Item

# Starts a bar of progress: what is read, and how much of it there is when that is known.
Watcher = Callable[[str, int | None], OnItems]
# What a key has in the source and in the copy.
Pair = tuple[Item | None, Item | None]


class Comparison(ABC):
    """`source` and `copy` name the sides; `one_is` and `many_is` say what a key is that only that side has.

    `settle_s` is how much longer than elsewhere a difference must last to be called one.
    """

    name: str
    one_is, many_is = "missing", "extra"
    settle_s = 0.0

    def __init__(self, source: str, copy: str, folder: Path, failures: Failures) -> None:
        self.source = source
        self.copy = copy
        self.one, self.many, self.failed = (Side(folder / f"{self.name}-{side}") for side in ("one", "many", "failed"))
        self._failures = failures

    @abstractmethod
    def collect(self, watch: Watcher) -> None:
        """Read both sides; when called again, what may have changed since."""

    @abstractmethod
    def refresh(self, candidates: Mapping[str, Candidate]) -> None:
        """Bring candidates up to date."""

    @abstractmethod
    def pairs(self, candidates: Sequence[Candidate]) -> Mapping[str, Pair]:
        """What keys have on both sides, by key."""

    @abstractmethod
    def failed_keys(self, record: Record) -> Iterable[str]:
        """The keys of what is missing because of a record that was given up, in the form in which Lambda passes it."""

    def facts(self) -> dict[str, Any]:
        """What there is to say about what was read."""
        return {"sourceItems": self.one.count, "copyItems": self.many.count}

    def foreign(self) -> list[str]:
        """What is none of this copy, and why."""
        return []

    def shown(self, key: str) -> dict[str, Any]:
        """A key as a report shows it."""
        return {"key": key_attributes(key, KEY_NAMES)}

    @property
    def function(self) -> str | None:
        """The function that feeds the copy."""
        return self._failures.function

    def left(self) -> list[str]:
        """What lies in the on-failure bucket and is none of what functions give up, and why."""
        return self._failures.foreign

    def refresh_failures(self, candidates: Mapping[str, Candidate]) -> None:
        """Read what was given up since the last time, and tell the candidates."""
        for failure in self._failures.new():
            try:
                for key in [key for record in failure.records for key in self.failed_keys(record)]:
                    self.failed.add(key, NO_ITEM, failure.where)
                    if key in candidates:
                        candidates[key].failed = failure.where
                self.note_given_up(failure)
            except DAMAGE as wrong:
                # It has the form of a record, and holds what no stream has.
                self._failures.note_foreign(failure.where, f"it is no failed event of this function ({wrong!r})")

    def note_given_up(self, failure: Failure) -> None:  # noqa: B027 - most need nothing
        """What else follows from records that were given up."""
