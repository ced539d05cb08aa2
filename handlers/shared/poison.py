"""Records that can never be applied: what is known of them, and the reason that may be told."""

from __future__ import annotations

from traceback import extract_tb
from typing import NamedTuple

__all__ = ["REFUSED", "UNDECIDABLE", "Poison", "undecidable", "unforeseen"]

# What a record is kept for: nothing can be made of it, or the service takes it in no company.
UNDECIDABLE, REFUSED = "undecidable", "refused"


class Poison(NamedTuple):
    """A record that can never be applied: `position` is its index in the event, `part` its index in an aggregate.

    `reason` never quotes the record's own data.
    """

    position: int
    part: int | None
    reason: str
    kind: str


def undecidable(position: int, error: Exception, part: int | None = None) -> Poison:
    """The poison that a record is whose deciding function raised `error`.

    A ValueError says what is wrong with the record. Any other error was not foreseen: its text may quote the record.
    """
    reason = str(error) if isinstance(error, ValueError) else unforeseen(error)
    return Poison(position, part, reason, UNDECIDABLE)


def unforeseen(error: Exception) -> str:
    """What may be told of an error that nobody foresaw: what it is and where it was raised."""
    frame = extract_tb(error.__traceback__)[-1]
    where = f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
    return f"{type(error).__name__} in {frame.name} ({where})"
