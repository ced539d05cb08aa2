"""What a command line asks of a verb, parsed."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from operations.errors import OperationError


class Where(StrEnum):
    """What compares: this machine by scans, or Athena by exports."""

    LOCAL = "local"
    ATHENA = "athena"


class Rows(StrEnum):
    """Where the rows of a backfill come from."""

    SCAN = "scan"
    EXPORT = "export"


class Runner(StrEnum):
    """What writes the rows of a backfill."""

    LOCAL = "local"
    DISTRIBUTED = "distributed"


@dataclass(frozen=True)
class ComparingAsked:
    """How two ends are compared; times in seconds."""

    settle_s: float = 30.0
    longest_s: float = 300.0
    read_units: float | None = None
    segments: int | None = None
    since: datetime | None = None
    far_role: str | None = None
    far_profile: str | None = None
    values: bool = False
    where: Where = Where.LOCAL


@dataclass(frozen=True)
class BackfillAsked:
    """Which rows to copy, with what, and at which rates."""

    rows: Rows | None = None
    runner: Runner = Runner.LOCAL
    read_units: float | None = None
    write_units: float | None = None
    segments: int | None = None
    far_role: str | None = None
    far_profile: str | None = None


@dataclass(frozen=True)
class ReplayAsked:
    """Only one function's streams, from a time on."""

    function: str | None = None
    at: datetime | None = None


def time_of(text: str, option: str = "--at") -> datetime:
    """A time to read from, as an option has it: ISO 8601 with its zone, in the past. Raises OperationError."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None or time > datetime.now(UTC):
        raise OperationError(f"{option} is {text!r}; it must be a time that is past, such as 2026-11-22T10:00:00Z.")
    return time
