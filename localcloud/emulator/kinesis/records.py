"""PutRecord, PutRecords, GetShardIterator and GetRecords, with their limits.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html , …/API_PutRecords.html ,
…/API_GetShardIterator.html ,
…/API_GetRecords.html . Throughput limits are not enforced here; the fault API throttles on request.
"""

import base64
import binascii
import time
from typing import Any

from localcloud.emulator.kinesis import listing, sequence_numbers, streams
from localcloud.emulator.kinesis.api import (
    Answer,
    ExpiredTokenError,
    RefusedError,
    Request,
    answered,
    make_token,
    not_in,
    read_token,
    serve,
    shard_of,
    stream_of,
)
from localcloud.emulator.kinesis.shard_log import Record, StoredShard, end_of, first_since

MAX_PUT_RECORDS = 500
MAX_PUT_BYTES = 10 * 1024 * 1024
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html: MaxRecordSizeInKiB, unless it is set
DEFAULT_RECORD_KIB = 1024
MAX_PARTITION_KEY_CHARACTERS = 256
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html: "expires 5 minutes after it is
# returned"
ITERATOR_LIFE_S = 300

ITERATOR_TYPES = ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_TIMESTAMP", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"]


def put_record(request: Request) -> Answer:
    stream = stream_of(request)
    partition_key, data = _checked(stream, request)
    shard_id, number = streams.append(stream, partition_key, data, request.get("ExplicitHashKey"))
    streams.notify(stream)
    return answered({"ShardId": shard_id, "SequenceNumber": number, "EncryptionType": _encryption(stream)})


def put_records(request: Request) -> Answer:
    stream = stream_of(request)
    entries = request.get("Records") or []
    if not 1 <= len(entries) <= MAX_PUT_RECORDS:
        raise RefusedError(
            "ValidationException",
            "1 validation error detected: Value at 'records' failed to satisfy constraint: Member must have length "
            "less than "
            f"or equal to {MAX_PUT_RECORDS} and greater than or equal to 1",
        )
    checked = [_checked(stream, entry) for entry in entries]
    if sum(len(key.encode()) + len(data) for key, data in checked) > MAX_PUT_BYTES:
        raise RefusedError("InvalidArgumentException", f"Records size exceeds {MAX_PUT_BYTES // 2**20} MB limit")
    placed = [
        streams.append(stream, key, data, entry.get("ExplicitHashKey"))
        for entry, (key, data) in zip(entries, checked, strict=True)
    ]
    streams.notify(stream)
    return answered(
        {
            "FailedRecordCount": 0,
            "Records": [{"ShardId": shard_id, "SequenceNumber": number} for shard_id, number in placed],
            "EncryptionType": _encryption(stream),
        }
    )


def get_shard_iterator(request: Request) -> Answer:
    stream = stream_of(request)
    position = starting_position(
        stream,
        shard_of(stream, request.get("ShardId")),
        request.get("ShardIteratorType"),
        request.get("StartingSequenceNumber"),
        request.get("Timestamp"),
    )
    return answered({"ShardIterator": make_token(stream["StreamARN"], request["ShardId"], position)})


def get_records(request: Request) -> Answer:
    limit = request.get("Limit", streams.MAX_READ_RECORDS)
    if not 1 <= limit <= streams.MAX_READ_RECORDS:
        raise RefusedError(
            "InvalidArgumentException", f"Limit must be from 1 to {streams.MAX_READ_RECORDS}, but is {limit}."
        )
    stream_arn, shard_id, position = _read_iterator(request.get("ShardIterator"))
    if request.get("StreamARN") not in (None, stream_arn):
        raise RefusedError("InvalidArgumentException", "The StreamARN is not that of the ShardIterator.")
    try:
        stream = streams.find(stream_arn)
    except streams.StreamNotFoundError:
        raise RefusedError("ResourceNotFoundException", f"Stream {stream_arn} not found.") from None
    batch = streams.read_shard(stream, shard_of(stream, shard_id), position, limit, streams.MAX_READ_BYTES)
    answer: dict[str, Any] = {
        "Records": [as_json(stream, record) for record in batch.records],
        "MillisBehindLatest": batch.behind_ms,
    }
    if batch.ended:
        answer["ChildShards"] = listing.child_shards(stream, shard_id)
    else:
        answer["NextShardIterator"] = make_token(stream_arn, shard_id, batch.next_position)
    return answered(answer)


def starting_position(
    stream: streams.Stream, shard: StoredShard, kind: str | None, number: str | None, timestamp: float | None
) -> int:
    """Where an iterator or a subscription of type `kind` starts. Raises RefusedError."""
    streams.expire(stream)
    start, end = int(shard["trimmed"]), end_of(shard)
    match kind:
        case "TRIM_HORIZON":
            return start
        case "LATEST":
            return end
        case "AT_SEQUENCE_NUMBER" | "AFTER_SEQUENCE_NUMBER":
            located = sequence_numbers.locate(number or "")
            if located is None or (located.created_s, located.shard_index) != (shard["created_s"], shard["index"]):
                raise RefusedError(
                    "InvalidArgumentException",
                    f"StartingSequenceNumber {number} used in GetShardIterator on stream {stream['StreamName']} is "
                    "invalid because "
                    "it did not come from this shard.",
                )
            return max(start, located.index - (kind == "AT_SEQUENCE_NUMBER"))
        case "AT_TIMESTAMP":
            if timestamp is None or float(timestamp) > time.time():
                raise RefusedError(
                    "InvalidArgumentException",
                    f"AT_TIMESTAMP needs a Timestamp that is not in the future, not {timestamp}.",
                )
            return first_since(shard, float(timestamp))
        case _:
            raise not_in(kind, "shardIteratorType", ITERATOR_TYPES)


def as_json(stream: streams.Stream, record: Record) -> dict[str, Any]:
    """A record as GetRecords and SubscribeToShard give it."""
    return {
        "SequenceNumber": record.sequence_number,
        "ApproximateArrivalTimestamp": record.arrival_s,
        "Data": base64.b64encode(record.data).decode(),
        "PartitionKey": record.partition_key,
        "EncryptionType": _encryption(stream),
    }


def _checked(stream: streams.Stream, entry: Request) -> tuple[str, bytes]:
    """The partition key and the data of a record to be put. Raises RefusedError."""
    partition_key = entry.get("PartitionKey") or ""
    if not 1 <= len(partition_key) <= MAX_PARTITION_KEY_CHARACTERS:
        raise RefusedError(
            "ValidationException",
            "1 validation error detected: Value at 'partitionKey' failed to satisfy constraint: Member must have "
            "length less than "
            f"or equal to {MAX_PARTITION_KEY_CHARACTERS} and greater than or equal to 1",
        )
    try:
        data = base64.b64decode(entry.get("Data") or "", validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("SerializationException", "The data blob is not base64.") from None
    most = stream.get("MaxRecordSizeInKiB", DEFAULT_RECORD_KIB) * 1024
    if len(data) + len(partition_key.encode()) > most:
        raise RefusedError(
            "ValidationException",
            "1 validation error detected: Value at 'data' failed to satisfy constraint: Member must have length "
            "less than or equal "
            f"to {most}",
        )
    explicit = entry.get("ExplicitHashKey")
    if explicit is not None and not (str(explicit).isdigit() and int(explicit) < streams.HASH_KEY_END):
        raise RefusedError(
            "InvalidArgumentException", f"ExplicitHashKey must be in the range [0, 2^128-1], but is {explicit}."
        )
    return partition_key, data


def _read_iterator(token: str | None) -> tuple[str, str, int]:
    try:
        stream_arn, shard_id, position = read_token(token, ITERATOR_LIFE_S)
    except ExpiredTokenError as expired:
        raise RefusedError(
            "ExpiredIteratorException",
            f"Iterator expired. It was created {expired.age_s:.0f} s ago, and lives for {ITERATOR_LIFE_S} s.",
        ) from None
    except ValueError:
        raise RefusedError("InvalidArgumentException", "Invalid ShardIterator.") from None
    return stream_arn, shard_id, position


def _encryption(stream: streams.Stream) -> str:
    return str(stream.get("EncryptionType", "NONE"))


def install() -> None:
    serve("_put_record", "010c2796f340", put_record)
    serve("_put_records", "e8f7755ae6b8", put_records)
    serve("_get_shard_iterator", "720b89b08f26", get_shard_iterator)
    serve("_get_records", "b9eb8fa90228", get_records)
