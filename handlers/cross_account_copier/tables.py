"""Decides which table a record belongs to: one for all, or one per week of arrival."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache

from handlers.shared.errors import NotYetError

__all__ = ["one_table", "table_per_week"]

SECONDS_PER_DAY = 86_400


def one_table(name: str) -> Callable[[float | None], str]:
    """Every record goes to the table `name`."""
    return lambda _arrival_s: name


def table_per_week(weeks: Mapping[str, str], older: str) -> Callable[[float | None], str]:
    """A record goes to the table of the ISO week (UTC) in which it arrived.

    `weeks` maps weeks, as `2026-W47`, to tables; a record that arrived before the first of them goes to `older`. The
    function returned takes seconds since 1970. It raises NotYetError for a week that has no table yet: such a record
    stays in the stream until the table is deployed, and is not put where nobody would look for it. It raises
    ValueError for a record of no known time.
    """
    first = min(weeks)

    @lru_cache(maxsize=8)
    def of_day(day: int) -> str:
        year, week, _ = datetime.fromtimestamp(day * SECONDS_PER_DAY, UTC).isocalendar()
        name = f"{year}-W{week:02}"
        if name in weeks:
            return weeks[name]
        if name < first:
            return older
        raise NotYetError(
            f"there is no table for the week {name} in which it arrived: WEEKLY_TABLES has {', '.join(sorted(weeks))}; "
            "add the week to the stack's configuration and run `pulumi up`"
        )

    def of(arrival_s: float | None) -> str:
        if arrival_s is None:
            raise ValueError("it does not say when it arrived, which decides its table")
        return of_day(int(arrival_s // SECONDS_PER_DAY))

    return of
