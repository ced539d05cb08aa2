"""What a backfill will use, how long it will take and what it will cost: told before it starts.

Prices are those of operations.prices. What an export costs for each GB is on
https://aws.amazon.com/dynamodb/pricing/ and not known here.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from operations import prices
from operations.errors import OperationError
from operations.instruments.exporting import GB, gigabytes
from operations.table_replica.backfilling import LONGEST_HOLD_S

# A unit writes 1 KB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
UNIT_BYTES = 1024
# What a partition holds at most; an export has a file for each at the least.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.Partitions.html
PARTITION_BYTES = 10 * GB
# See components/table_replica/backfill.py. How many rows a function writes is a guess, to the low side.
FUNCTION_GB, FUNCTION_S, ROWS_PER_S = 0.5, 900, 500
TRANSITIONS_PER_FILE, TRANSITIONS_PER_INVOCATION = 1, 2


@dataclass(frozen=True)
class Work:
    """What is to be copied: about so many items, and how they are written. `bound` is in write units a second."""

    items: int
    size_bytes: int
    indexes: int
    guarded: bool
    on_demand: bool
    bound: float | None

    @property
    def write_units(self) -> int:
        """Units for all rows, each in every index: a transaction takes two for each KB, and two for its check."""
        each = max(1, math.ceil(self.size_bytes / max(1, self.items) / UNIT_BYTES))
        return self.items * ((2 * each + 2 if self.guarded else each) + self.indexes * each)

    @property
    def seconds(self) -> float | None:
        """How long it takes at the bound; None without one."""
        return None if self.bound is None else self.write_units / self.bound


def work(source: Mapping[str, Any], replica: Mapping[str, Any], guarded: bool, bound: float | None) -> Work:
    """The work between two tables as DescribeTable has them; DynamoDB counts items and sizes every six hours."""
    return Work(
        items=int(source["ItemCount"]),
        size_bytes=int(source["TableSizeBytes"]),
        indexes=len(replica.get("GlobalSecondaryIndexes", [])),
        guarded=guarded,
        on_demand=replica.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST",
        bound=bound,
    )


def check_time(work: Work) -> None:
    """Raise OperationError when an export would take longer than the stream can be held."""
    if work.guarded or work.seconds is None or work.seconds <= LONGEST_HOLD_S:
        return
    raise OperationError(
        f"about {work.write_units} write units at {work.bound:g} a second take {work.seconds / 3600:.0f} hours, but "
        "the stream keeps what is written meanwhile for 24. Raise `--write-units` and the replica's capacity, set "
        "`guarded: true`, which needs no hold, or say `--from scan`, which can hold it several times."
    )


def writing(work: Work) -> Iterator[str]:
    """What the rows take, however they come."""
    price = _dollars(work.write_units * prices.DYNAMODB_WRITE_UNIT) if work.on_demand else "within what is provisioned"
    time = "" if work.seconds is None else f", about {_span(work.seconds)} at {work.bound:g} a second"
    yield f"writes   {work.items} items, at most {work.write_units} write units{time}: {price}"


def exporting(work: Work) -> Iterator[str]:
    """What the export takes."""
    yield f"export   {gigabytes(work.size_bytes)}, by the GB, see https://aws.amazon.com/dynamodb/pricing/"


def distributing(work: Work, concurrency: int) -> Iterator[str]:
    """What the state machine and its functions take, at the least number of files."""
    files = max(1, math.ceil(work.size_bytes / PARTITION_BYTES))
    together = min(concurrency, files)
    function_s = work.items / ROWS_PER_S if work.seconds is None else work.seconds * together
    invocations = max(files, math.ceil(function_s / FUNCTION_S))
    transitions = 1 + files * TRANSITIONS_PER_FILE + invocations * TRANSITIONS_PER_INVOCATION
    yield (
        f"steps    {files} files or more, at most {concurrency} at once, about {transitions} state transitions: "
        f"{_dollars(transitions * prices.STATE_TRANSITION)}"
    )
    price = function_s * FUNCTION_GB * prices.LAMBDA_GB_SECOND + invocations * prices.LAMBDA_REQUEST
    yield f"function about {function_s:.0f} seconds of {FUNCTION_GB:g} GB: {_dollars(price)}"


def _dollars(amount: float) -> str:
    return f"about {amount:.2f} US dollars" if amount >= 0.01 else "less than a US cent"


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
