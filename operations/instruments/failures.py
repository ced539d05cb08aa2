"""Reads what functions could not apply: the objects of an on-failure bucket, of both kinds.

Under `aws/lambda/` is what an event source mapping gave up, whole, as Lambda's invocation record:
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
Under `poison/` is what a handler stored itself, one record that can never be applied: see handlers/README.md.

Whatever else lies there is foreign: it is named and left.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from handlers.shared.places import POISON_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LAMBDA_PREFIX = "aws/lambda/"
# What may be wrong with what anybody can put into a bucket.
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
THREADS = 8
# So many foreign objects are named; more are only counted.
NAMED = 100
# Sequence numbers have 56 digits in a Kinesis stream, and up to 40 in a table's.
MAX_DIGITS = 100
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html: it was deleted meanwhile, or is in an archive.
GONE, ARCHIVED = "NoSuchKey", "InvalidObjectState"

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """An object of an on-failure bucket: the records of one function that are not applied, in order, and why."""

    bucket: str
    object_key: str
    function: str
    source_arn: str
    reason: str
    records: Sequence[Record] = field(repr=False)

    @property
    def where(self) -> str:
        """Where the object is."""
        return f"s3://{self.bucket}/{self.object_key}"

    @property
    def place(self) -> tuple[str, int, int]:
        """The order in which records are applied: sequence numbers grow from a shard to the ones that follow it."""
        number, sub = number_of(self.records[0])
        ordered = int(number) if number.isascii() and number.isdecimal() and len(number) <= MAX_DIGITS else 0
        # A consumer's records are the stream's.
        return self.source_arn.partition("/consumer/")[0], ordered, -1 if sub is None else sub


def read(bucket: str, object_key: str, body: bytes) -> Failure:
    """What an object holds. Raises ValueError, which says why, when it is none of the two kinds or is damaged."""
    try:
        stored = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    if not isinstance(stored, dict):
        raise ValueError("it is no JSON object")
    try:
        payload = stored["payload"]
        # LocalStack stores the event as an object where AWS stores its text.
        records = (json.loads(payload) if isinstance(payload, str) else payload)["Records"]
        if not isinstance(records, list) or not records:
            raise ValueError("its event has no records")
        for record in records:
            _check(record)
        function, reason = KINDS[object_key.partition("/")[0]](stored)
        if not (isinstance(function, str) and function):
            raise ValueError("it does not name its function")
        return Failure(bucket, object_key, function, _source_arn(stored, records[0]), str(reason), records)
    except DAMAGE as wrong:
        told = str(wrong) if type(wrong) is ValueError else f"it has no event as Lambda passes it ({wrong!r})"
        raise ValueError(told) from None


class Failures:
    """What one function left in an on-failure bucket; what all of them left when `function` is None.

    `foreign` names, when `new` has come to its end, what is neither and why.
    """

    def __init__(self, s3: "S3Client", bucket: str, function: str | None = None) -> None:
        self.bucket = bucket
        self.function = function
        self._named: list[str] = []
        self._foreign = 0
        self._s3 = s3
        self._known: set[str] = set()

    def new(self) -> Iterator[Failure]:
        """The objects that were not there before; a few are held at once, and the foreign ones noted."""
        for prefix in (LAMBDA_PREFIX, POISON_PREFIX):
            names = [name for name in keys_below(self._s3, self.bucket, prefix) if name not in self._known]
            with ThreadPoolExecutor(THREADS) as threads:
                for start in range(0, len(names), THREADS):
                    for name, found in zip(
                        names[start:], threads.map(self._read, names[start : start + THREADS]), strict=False
                    ):
                        self._known.add(name)
                        if isinstance(found, ValueError):
                            self.note_foreign(f"s3://{self.bucket}/{name}", found)
                        elif found is not None and self.function in (None, found.function):
                            yield found

    def _read(self, name: str) -> Failure | ValueError | None:
        try:
            return fetch(self._s3, self.bucket, name)
        except ValueError as wrong:
            return wrong

    def at(self, where: str) -> Failure | None:
        """What an object of the bucket holds, by where it is; None when it is gone."""
        return fetch(self._s3, self.bucket, where.removeprefix(f"s3://{self.bucket}/"))

    @property
    def foreign(self) -> list[str]:
        """What is none of this, the first of it with the reasons."""
        more = self._foreign - len(self._named)
        return [*self._named, *([f"and {more} more"] if more else [])]

    def note_foreign(self, place: str, why: Exception | str) -> None:
        """Name an object that is none of this."""
        self._foreign += 1
        if len(self._named) < NAMED:
            self._named.append(f"{place}: {why}")


def keys_below(s3: "S3Client", bucket: str, prefix: str) -> list[str]:
    """The names of the objects that there are."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def fetch(s3: "S3Client", bucket: str, key: str) -> Failure | None:
    """The object as it is now, None when it is gone. Raises ValueError when it is foreign."""
    from botocore.exceptions import ClientError

    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code == GONE:
            return None
        if code == ARCHIVED:
            raise ValueError("it was moved to an archive: restore it to have it read") from None
        raise
    return read(bucket, key, body)


def number_of(record: Record) -> tuple[str, int | None]:
    """A record's sequence number; of a record that was taken out of an aggregate its place in that, too.

    In a table's stream the number is optional, and handlers go by the event's ID then.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html
    """
    if "kinesis" in record:
        return record["kinesis"]["sequenceNumber"], record["kinesis"].get("subSequenceNumber")
    return record["dynamodb"].get("SequenceNumber") or record["eventID"], None


def shard_of(record: Record) -> str | None:
    """A Kinesis record's shard; None for one of a table's stream, which does not say it."""
    return str(record["eventID"]).partition(":")[0] if "kinesis" in record else None


def table_of_stream(arn: str) -> str:
    """The name of the table whose stream has this ARN."""
    return arn.split(":", 5)[5].split("/")[1]


def _source_arn(stored: Record, record: Record) -> str:
    """Of what the records are: they say it, and so does what is stored with them."""
    info = stored.get("KinesisBatchInfo") or stored.get("DDBStreamBatchInfo") or {}
    return str(record.get("eventSourceARN") or info.get("streamArn") or stored["source"])


def _invocation_record(stored: Record) -> tuple[str, object]:
    context = stored["requestContext"]
    # arn:aws:lambda:region:account:function:name, perhaps with a version after it
    return context["functionArn"].split(":")[6], context.get("condition", "")


def _poison(stored: Record) -> tuple[str, object]:
    return stored["function"], stored.get("reason", "")


# What an object below a prefix says of its function and of the reason, by the prefix's first part.
KINDS: Mapping[str, Callable[[Record], tuple[str, object]]] = {
    LAMBDA_PREFIX.partition("/")[0]: _invocation_record,
    POISON_PREFIX.partition("/")[0]: _poison,
}


def _check(record: Any) -> None:
    """Raise when it cannot be said where a record is; what else is wrong with it is for its function to say."""
    number, sub = number_of(record)
    if not (isinstance(number, str) and number):
        raise ValueError("a record of it has no sequence number")
    if sub is not None and not (type(sub) is int and 0 <= sub < 10_000_000):
        raise ValueError("a record of it has no place in its aggregate")
    if "kinesis" in record and not isinstance(record["eventID"], str):
        raise ValueError("a record of it has no event ID")
