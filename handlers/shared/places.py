"""Where a stream function keeps what it knows of a record in its on-failure bucket.

    poison/<function>/<source>/<shard>/<sequence number>.json     a record that can never be applied, whole
    progress/<function>/<source>/<shard>/<sequence number>.json   how many records of an aggregate are applied

The key is made of where the record is, so that keeping it twice is keeping it once. A record of an aggregate has its
index in seven digits after the sequence number. Lambda's own records of batches that were given up are below
`aws/lambda/`.
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["POISON_PREFIX", "PROGRESS_PREFIX", "Place", "source_name"]

POISON_PREFIX = "poison/"
PROGRESS_PREFIX = "progress/"


class Place(NamedTuple):
    """Where a record is: the ARN of its event source, its shard (None for a table's stream, whose events name none)
    and its sequence number."""

    function: str
    source_arn: str
    shard: str | None
    sequence_number: str

    def key(self, prefix: str, part: int | None = None) -> str:
        """The key of an object about the record, or about one record of an aggregate."""
        suffix = "" if part is None else f".{part:07}"
        folder = f"{prefix}{self.function}/{source_name(self.source_arn)}/{self.shard or '-'}"
        return f"{folder}/{self.sequence_number}{suffix}.json"


def source_name(arn: str) -> str:
    """The stream's name, also from the ARN of its consumer; `<table>.<label>` for a table's stream.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesis.html
    """
    parts = arn.split(":", 5)[-1].split("/", 3)
    return f"{parts[1]}.{parts[3]}" if parts[0] == "table" and len(parts) == 4 else parts[min(1, len(parts) - 1)]
