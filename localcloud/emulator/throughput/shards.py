"""Limits of a Kinesis shard: 1 MB and 1,000 records a second in, 2 MB and five reads a second out.

https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html. Reads by event source mappings and
subscriptions with enhanced fan-out happen inside the emulator and are not limited.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from localcloud.emulator.faults import batches, errors
from localcloud.emulator.faults.injection import Forward, Response
from localcloud.emulator.faults.rules import Call, Rule
from localcloud.emulator.kinesis import records, streams
from localcloud.emulator.kinesis.api import RefusedError, stream_of
from localcloud.emulator.throughput.buckets import Bucket

WRITE_BYTES_PER_S = 1 << 20
WRITE_RECORDS_PER_S = 1000
READ_BYTES_PER_S = 2 << 20
READS_PER_S = 5
RATES = {
    "write bytes": WRITE_BYTES_PER_S,
    "write records": WRITE_RECORDS_PER_S,
    "read bytes": READ_BYTES_PER_S,
    "reads": READS_PER_S,
}

Json = dict[str, Any]


async def limited(rule: Rule, call: Call, headers: Mapping[str, str], body: bytes, forward: Forward) -> Response:
    """Forward a request while its shards have capacity for it."""
    request = json.loads(body or b"{}")
    try:
        if call.operation == "PutRecord":
            allowed = _takes(rule, stream_of(request), request)
            return await forward(body) if allowed else _throttle(rule, call, headers)
        if call.operation == "PutRecords":
            return await _put_records(rule, call, headers, request, forward)
        if call.operation == "GetRecords":
            return await _get_records(rule, call, headers, request, body, forward)
    except RefusedError:
        pass  # the service itself says what is wrong with the request
    return await forward(body)


async def _put_records(rule: Rule, call: Call, headers: Mapping[str, str], request: Json, forward: Forward) -> Response:
    stream = stream_of(request)
    batch = batches.BATCHES["kinesis", "PutRecords"]
    kept, left_out = batch.divide(request, lambda _stream, entry: not _takes(rule, stream, entry))
    if kept is None:
        return _throttle(rule, call, headers)
    status, reply_headers, reply = await forward(json.dumps(kept).encode())
    if status != 200 or not left_out:
        return status, reply_headers, reply
    rule.hit += 1
    return status, reply_headers, json.dumps(batch.complete(json.loads(reply), request, left_out)).encode()


async def _get_records(
    rule: Rule, call: Call, headers: Mapping[str, str], request: Json, body: bytes, forward: Forward
) -> Response:
    stream_arn, shard_id, _ = records._read_iterator(request.get("ShardIterator"))
    reads, size = (_bucket(rule, stream_arn, shard_id, kind) for kind in ("reads", "read bytes"))
    if reads.left() < 1 or size.left() <= 0:
        return _throttle(rule, call, headers)
    reads.use(1)
    status, reply_headers, reply = await forward(body)
    if status == 200:
        size.use(sum(len(record["Data"]) * 3 // 4 for record in json.loads(reply).get("Records", [])))
    return status, reply_headers, reply


def _takes(rule: Rule, stream: streams.Stream, entry: Json) -> bool:
    """Whether the record's shard has capacity for it, which it then uses."""
    key = entry.get("PartitionKey") or ""
    hash_key = int(entry["ExplicitHashKey"]) if entry.get("ExplicitHashKey") else streams.hash_of(key)
    shard_id = streams.route(stream, hash_key)
    count, size = (_bucket(rule, stream["StreamARN"], shard_id, kind) for kind in ("write records", "write bytes"))
    units = len(key.encode()) + len(base64.b64decode(entry.get("Data") or ""))
    if count.left() < 1 or size.left() < units:
        # https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html: rejected records
        streams.count(stream, "WriteProvisionedThroughputExceeded", 1)
        return False
    count.use(1)
    size.use(units)
    return True


def _bucket(rule: Rule, stream_arn: str, shard_id: str, kind: str) -> Bucket:
    rate = RATES[kind]
    bucket: Bucket = rule.state.setdefault((stream_arn, shard_id, kind), Bucket(rate, rate, rate))
    return bucket


def _throttle(rule: Rule, call: Call, headers: Mapping[str, str]) -> Response:
    rule.hit += 1
    fault = errors.of_rule(Rule(id=rule.id, effect="throttle"), call)
    return errors.response(fault, call.service, headers, rule.id)
