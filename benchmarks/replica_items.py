"""What is in the tables of the replica's comparisons."""

from collections.abc import Iterator
from itertools import islice

from operations.instruments.raw import Item
from operations.table_replica import logfile

ACCOUNT = "444444444444"
BATCH_ITEMS = 25


def batches(rows: int, first: int = 0) -> Iterator[list[Item]]:
    """The items of the generated rows from `first` on, in the batches of BatchWriteItem."""
    items = (logfile.item_of(row) for row in islice(logfile.generate(rows, seed=1), first, None))
    while batch := list(islice(items, BATCH_ITEMS)):
        yield batch
