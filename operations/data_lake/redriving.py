"""Sends what could not be transformed through its stream again, after the transform was put right.

Firehose stores a record that failed whole, in base64, in a line of JSON below the error prefix.
https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
A record keeps its own time, so that it takes its place among the changes however late it comes. An object is archived
when all of its records are in the stream; killed in between, they come twice, which changes nothing.
"""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import md5
from typing import Any

from components.data_lake.prefixes import static_part
from operations.data_lake.deployed import Store, Way
from operations.data_lake.snapshots import StreamWriter, stream_writer

# https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html (error-output-type)
FAILED = "processing-failed"
ARCHIVE = "redriven/"


@dataclass(frozen=True)
class Outcome:
    """What became of an object: how many records are in the stream again; `reason` why it was left where it is."""

    key: str
    records: int
    reason: str | None = None


def waiting(store: Store) -> list[str]:
    """The keys of the objects below the error prefix that a redrive can send again."""
    folder = static_part(store.settings.layout.error_prefix)
    pages = store.s3.get_paginator("list_objects_v2").paginate(Bucket=store.bucket, Prefix=folder)
    return [entry["Key"] for page in pages for entry in page.get("Contents", []) if f"/{FAILED}/" in f"/{entry['Key']}"]


def redrive(store: Store, way: Way, keys: list[str], on_outcome: Callable[[Outcome], None]) -> list[Outcome]:
    """Send the objects again, one after the other."""
    writer = stream_writer(way.at.client("kinesis"), way.stream_arn)
    outcomes = []
    for key in keys:
        outcomes.append(_sent(store, writer, key))
        on_outcome(outcomes[-1])
    return outcomes


def _sent(store: Store, writer: StreamWriter, key: str) -> Outcome:
    body = store.s3.get_object(Bucket=store.bucket, Key=key)["Body"].read()
    try:
        records = list(records_of(body))
    except (ValueError, KeyError, TypeError) as error:
        return Outcome(key, 0, f"it is not what Firehose stores of failed records ({error!r})")
    writer.put(records)
    place = {"Bucket": store.bucket, "Key": key}
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": store.at.outputs["keyArn"]}
    store.s3.copy_object(Bucket=store.bucket, Key=f"{ARCHIVE}{key}", CopySource=place, **encryption)
    store.s3.delete_object(**place)
    return Outcome(key, len(records))


def records_of(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The records of an object, each with its partition key. Raises ValueError, KeyError or TypeError."""
    text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    for line in text.splitlines():
        data = base64.b64decode(json.loads(line)["rawData"], validate=True)
        yield _partition_key(data), data


def _partition_key(data: bytes) -> str:
    """The same for all records of an item, as far as the record says whose it is."""
    try:
        whose: Any = json.dumps(json.loads(data)["dynamodb"]["Keys"], sort_keys=True).encode()
    except (ValueError, KeyError, TypeError):
        whose = data
    return md5(whose, usedforsecurity=False).hexdigest()
