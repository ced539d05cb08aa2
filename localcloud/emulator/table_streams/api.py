"""DescribeStream, GetShardIterator and GetRecords of DynamoDB Streams, over shards.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_DescribeStream.html ,
…/API_streams_GetShardIterator.html , …/API_streams_GetRecords.html
"""

import json
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.kinesis.api import Answer, RefusedError, Request, answered, not_in, serve
from localcloud.emulator.patching import replaces
from localcloud.emulator.table_streams import log as streams
from localcloud.emulator.table_streams.log import Log
from localcloud.emulator.table_streams.shards import Shard

SERVICE = "ministack.services.dynamodb_streams"
MAX_SHARDS = 100
MAX_RECORDS = 1000
ITERATOR_TYPES = ["AFTER_SEQUENCE_NUMBER", "LATEST", "AT_SEQUENCE_NUMBER", "TRIM_HORIZON"]


def describe_stream(original: Callable[[Request], Answer], request: Request) -> Answer:
    """The emulator's answer with the stream's shards, by pages, or the children of one."""
    status, headers, body = original(request)
    if status != 200:
        return status, headers, body
    shards = streams.find(request["StreamArn"]).shards
    shard_filter = request.get("ShardFilter") or {}
    if shard_filter.get("Type") == "CHILD_SHARDS":
        shards = [one for one in shards if one.parent_id == shard_filter.get("ShardId")]
    after = request.get("ExclusiveStartShardId") or ""
    wanted = [one for one in shards if one.shard_id > after]
    page = wanted[: min(int(request.get("Limit") or MAX_SHARDS), MAX_SHARDS)]
    answer = json.loads(body)
    description = answer["StreamDescription"]
    description.pop("LastEvaluatedShardId", None)
    description["Shards"] = [shard_out(one) for one in page]
    if len(page) < len(wanted):
        description["LastEvaluatedShardId"] = page[-1].shard_id
    return answered(answer)


def shard_out(shard: Shard) -> dict[str, Any]:
    """A shard as the API shows it; a closed one has an ending sequence number."""
    numbers = {"StartingSequenceNumber": shard.starting_number}
    if shard.ending_number is not None:
        numbers["EndingSequenceNumber"] = shard.ending_number
    parent = {"ParentShardId": shard.parent_id} if shard.parent_id else {}
    return {"ShardId": shard.shard_id, "SequenceNumberRange": numbers, **parent}


def get_shard_iterator(request: Request) -> Answer:
    arn, kind = request.get("StreamArn"), request.get("ShardIteratorType")
    if not arn:
        raise RefusedError("ValidationException", "StreamArn is required")
    if kind not in ITERATOR_TYPES:
        raise not_in(kind, "shardIteratorType", ITERATOR_TYPES)
    log = _own(arn)
    shard = _shard(log, request.get("ShardId"))
    match kind:
        case "TRIM_HORIZON":
            position = log.start_of(shard)
        case "LATEST":
            position = log.end_of(shard)
        case _:
            number = _number(log, shard, kind, request.get("SequenceNumber"))
            position = log.position_of(shard, number + (kind == "AFTER_SEQUENCE_NUMBER"))
    return answered({"ShardIterator": _iterator(arn, shard, position)})


def get_records(request: Request) -> Answer:
    from ministack.services import dynamodb_streams

    limit = int(request.get("Limit", MAX_RECORDS))
    if not 1 <= limit <= MAX_RECORDS:
        raise RefusedError(
            "ValidationException",
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have "
            f"value greater than or equal to 1 and less than or equal to {MAX_RECORDS}",
        )
    arn, shard_id, position = _read_iterator(request.get("ShardIterator"))
    log = _own(arn)
    shard = _shard(log, shard_id)
    if position < log.start_of(shard):
        raise _trimmed()
    found = log.read(shard, position, limit)
    # 1 MB at the most: what does not fit is for the next call.
    page = dynamodb_streams._cap_page_bytes([record for _, record in found.records])
    whole = len(page) == len(found.records)
    # The API's records do not name the stream, a function's do.
    records = [{name: value for name, value in record.items() if name != "eventSourceARN"} for record in page]
    if whole and found.ended:
        return answered({"Records": records})
    following = found.next_position if whole else found.records[len(page)][0]
    return answered({"Records": records, "NextShardIterator": _iterator(arn, shard, following)})


def _own(arn: str) -> Log:
    """The stream, which must be of the account and Region that are asked. Raises RefusedError."""
    from ministack.services import dynamodb_streams

    try:
        if dynamodb_streams._request_stream_source(arn) is None:
            raise streams.StreamNotFoundError(arn)
        return streams.find(arn)
    except streams.StreamNotFoundError:
        raise RefusedError(
            "ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found"
        ) from None


def _shard(log: Log, shard_id: str | None) -> Shard:
    try:
        return log.shard(shard_id)
    except streams.ShardNotFoundError:
        raise RefusedError("ResourceNotFoundException", "Requested resource not found: Shard does not exist") from None


def _number(log: Log, shard: Shard, kind: str, text: str | None) -> int:
    """The sequence number, which must be one of the shard's that is not trimmed. Raises RefusedError."""
    if not (text and text.isascii() and text.isdigit()):
        raise RefusedError("ValidationException", f"{kind} needs a SequenceNumber, not {text!r}.")
    number, oldest = int(text), log.oldest_number()
    if log.start > shard.first and number < (oldest or number + 1):
        raise _trimmed()
    if not int(shard.starting_number) <= number <= int(shard.ending_number or number):
        raise RefusedError("ValidationException", f"SequenceNumber {text} is not of shard {shard.shard_id}.")
    return number


def _iterator(arn: str, shard: Shard, position: int) -> str:
    from ministack.services import dynamodb_streams

    spec, table_name = dynamodb_streams._stream_source(arn)
    scope = {"account_id": spec.account_id, "region": spec.region, "stream_arn": arn}
    return str(dynamodb_streams._encode_iterator(table_name, shard.shard_id, position, **scope))


def _read_iterator(token: str | None) -> tuple[str, str, int]:
    """The stream's ARN, the shard's id and the position. Raises RefusedError."""
    from ministack.services import dynamodb_streams

    read = dynamodb_streams._decode_iterator(token or "")
    if read is None or (read.get("a"), read.get("r")) != (get_account_id(), get_region()):
        raise RefusedError("ValidationException", "Invalid ShardIterator.")
    if time.time() - read["i"] >= dynamodb_streams._ITERATOR_TTL_SECONDS:
        raise RefusedError("ExpiredIteratorException", "The shard iterator is older than 15 minutes.")
    return read["arn"], read["s"], int(read["p"])


def _trimmed() -> RefusedError:
    return RefusedError("TrimmedDataAccessException", "The data you are trying to access has been trimmed.")


def install() -> None:
    @replaces(SERVICE, "_describe_stream", source="8971045db313")
    def _describe_stream(original: Callable[[Request], Answer], request: Request) -> Answer:
        return describe_stream(original, request)

    serve("_get_shard_iterator", "cd697f737ba2", get_shard_iterator, SERVICE)
    serve("_get_records", "bb50abe735aa", get_records, SERVICE)
