"""Decides what a function's answer means for its batch. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html and
…/services-ddb-batchfailurereporting.html
"""

from collections.abc import Sequence
from typing import Any


def first_failed(result: Any, sequence_numbers: Sequence[str]) -> int | None:
    """The index of the first record that was not processed; None when the whole batch was, 0 when none was.

    An answer that is empty, or whose batchItemFailures is empty, null or absent, is a complete success. With several
    failures the lowest sequence number is the checkpoint. A failure without the key itemIdentifier, with an empty or
    null one, or one that is not in the batch, is a complete failure, as is anything that has not this form.
    """
    if not result:
        return None
    if not isinstance(result, dict):
        return 0
    failures = result.get("batchItemFailures")
    if not failures:
        return None
    if not isinstance(failures, list):
        return 0
    index_of = {number: index for index, number in enumerate(sequence_numbers)}
    named = [failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures]
    return min(index_of.get(number, 0) if isinstance(number, str) else 0 for number in named)
