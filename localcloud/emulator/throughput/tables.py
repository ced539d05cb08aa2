"""Provisioned capacity of tables and indexes: requests beyond it are throttled, batches in part.

Units and what an operation uses:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html; up to 300 seconds of
unused capacity are kept:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/burst-adaptive-capacity.html; an index that is out of
capacity throttles the writes of its table:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/gsi-throttling.html. Tables on demand are not
limited, nor are PartiQL statements.
"""

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator import metrics
from localcloud.emulator.faults import batches, errors
from localcloud.emulator.faults.injection import Forward, Response
from localcloud.emulator.faults.rules import Call, Rule
from localcloud.emulator.throughput.buckets import Bucket

BURST_S = 300
READ_UNIT_BYTES = 4096
WRITE_UNIT_BYTES = 1024
TRANSACTION_FACTOR = 2

READS = ("GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")

Json = dict[str, Any]


async def limited(rule: Rule, call: Call, headers: Mapping[str, str], body: bytes, forward: Forward) -> Response:
    """Forward a request while there is capacity for it, and charge what it used."""
    request = json.loads(body or b"{}")
    if call.operation in WRITES:
        return await _write(_Capacity(rule, "Write"), call, headers, request, forward)
    if call.operation in READS:
        return await _read(_Capacity(rule, "Read"), call, headers, request, forward)
    return await forward(body)


class _Capacity:
    """The buckets of one kind, "Read" or "Write", which live as long as the rule that asks for them."""

    def __init__(self, rule: Rule, kind: str) -> None:
        from ministack.services import dynamodb

        self._rule = rule
        self._kind = kind
        self._tables = dynamodb._tables
        self._scope = (get_account_id(), get_region())

    def bucket(self, table_name: str, index: str | None) -> Bucket | None:
        """The bucket of a table or one of its global indexes; None for one that is not limited."""
        table = self._tables.get(table_name)
        if table is None or (table.get("BillingModeSummary") or {}).get("BillingMode") == "PAY_PER_REQUEST":
            return None
        settings = table if index is None else _index(table, index)
        rate = ((settings or {}).get("ProvisionedThroughput") or {}).get(f"{self._kind}CapacityUnits") or 0
        if rate <= 0:
            return None
        key = (*self._scope, self._kind, table_name, index)
        found = self._rule.state.get(key)
        if found is None or found.rate != rate:
            unused_s = min(BURST_S, max(1.0, time.time() - float(table.get("CreationDateTime", 0))))
            found = self._rule.state[key] = Bucket(rate, rate * BURST_S, rate * unused_s)
        return found

    def buckets(self, table_name: str, indexes: Iterable[str | None]) -> list[Bucket]:
        return [bucket for index in indexes if (bucket := self.bucket(table_name, index)) is not None]

    def written(self, table_name: str) -> list[Bucket]:
        """Every bucket that a write to the table may draw from."""
        indexes = [
            index["IndexName"] for index in (self._tables.get(table_name) or {}).get("GlobalSecondaryIndexes") or []
        ]
        return self.buckets(table_name, [None, *indexes])

    def charge(self, table_name: str, index: str | None, units: float) -> None:
        bucket = self.bucket(table_name, index)
        if bucket is not None:
            bucket.use(units)

    def throttle(self, call: Call, table_names: Iterable[str], headers: Mapping[str, str]) -> Response:
        """Refuse a request, and count it where an alarm looks for it."""
        self._rule.hit += 1
        for table_name in table_names:
            self.count(table_name, 1)
        fault = errors.of_rule(Rule(id=self._rule.id, effect="throttle"), call)
        return errors.response(fault, call.service, headers, self._rule.id)

    def count(self, table_name: str, events: int) -> None:
        """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html"""
        name = f"{self._kind}ThrottleEvents"
        metrics.put(*self._scope, "AWS/DynamoDB", name, float(events), "Count", {"TableName": table_name})


async def _write(
    capacity: _Capacity, call: Call, headers: Mapping[str, str], request: Json, forward: Forward
) -> Response:
    tables = _tables_of(request)
    left_out: Json = {}
    asked = request
    if call.operation == "BatchWriteItem":
        kept, left_out = _within(capacity, request)
        if kept is None:
            return capacity.throttle(call, tables, headers)
        request = kept
        for table_name, writes in left_out.items():
            capacity.count(table_name, len(writes))
    elif any(bucket.left() <= 0 for name in tables for bucket in capacity.written(name)):
        return capacity.throttle(call, tables, headers)
    wanted = asked.get("ReturnConsumedCapacity", "NONE")
    status, reply_headers, reply = await forward(json.dumps({**request, "ReturnConsumedCapacity": "INDEXES"}).encode())
    if status != 200:
        return status, reply_headers, reply
    answer = json.loads(reply)
    for entry in _entries(answer.get("ConsumedCapacity")):
        for index, units in _used(entry):
            capacity.charge(entry["TableName"], index, units)
    _as_wanted(answer, wanted)
    if left_out:
        answer = batches.BATCHES["dynamodb", "BatchWriteItem"].complete(answer, asked, left_out)
    return status, _without_checksum(reply_headers), json.dumps(answer).encode()


async def _read(
    capacity: _Capacity, call: Call, headers: Mapping[str, str], request: Json, forward: Forward
) -> Response:
    tables = _tables_of(request)
    index = request.get("IndexName")
    if any(bucket.left() <= 0 for name in tables for bucket in capacity.buckets(name, [index])):
        return capacity.throttle(call, tables, headers)
    status, reply_headers, reply = await forward(json.dumps(request).encode())
    if status == 200:
        answer = json.loads(reply)
        factor = TRANSACTION_FACTOR if call.operation == "TransactGetItems" else 1
        for table_name, units in _read_units(request, answer, tables):
            capacity.charge(table_name, index, units * factor)
    return status, reply_headers, reply


def _within(capacity: _Capacity, request: Json) -> tuple[Json | None, Json]:
    """The part of a batch that there is capacity for, by the size of what is written, and the rest."""
    reserved: dict[int, float] = {}

    def held(table_name: str, write: Json) -> bool:
        buckets = capacity.written(table_name)
        if any(bucket.left() - reserved.get(id(bucket), 0.0) <= 0 for bucket in buckets):
            return True
        units = math.ceil(_size((write.get("PutRequest") or {}).get("Item") or {}) / WRITE_UNIT_BYTES) or 1
        for bucket in buckets:
            reserved[id(bucket)] = reserved.get(id(bucket), 0.0) + units
        return False

    return batches.BATCHES["dynamodb", "BatchWriteItem"].divide(request, held)


def _read_units(request: Json, answer: Json, tables: list[str]) -> Iterator[tuple[str, float]]:
    """What a read used, by table: at least one unit, and all that was scanned, not only what was found."""
    if "RequestItems" in request:
        for table_name, items in answer.get("Responses", {}).items():
            per_unit = 1.0 if request["RequestItems"].get(table_name, {}).get("ConsistentRead") else 0.5
            yield table_name, sum(_units(_size(item)) for item in items) * per_unit
        return
    per_unit = 1.0 if request.get("ConsistentRead") else 0.5
    items = answer.get("Items") or [answer.get("Item") or {}]
    scanned = answer.get("ScannedCount", 1) / max(1, answer.get("Count", 1))
    yield tables[0], _units(sum(map(_size, items)) * scanned) * per_unit


def _units(size_bytes: float) -> int:
    return max(1, math.ceil(size_bytes / READ_UNIT_BYTES))


def _tables_of(request: Json) -> list[str]:
    """The tables that a request names, as names."""
    named = [request["TableName"]] if "TableName" in request else list(request.get("RequestItems") or {})
    for item in request.get("TransactItems") or []:
        named.extend(action["TableName"] for action in item.values())
    return [name.rsplit("/", 1)[-1] for name in dict.fromkeys(named)]


def _entries(consumed: Any) -> list[Json]:
    return consumed if isinstance(consumed, list) else [consumed] if consumed else []


def _used(entry: Json) -> Iterator[tuple[str | None, float]]:
    """Table and index (None: the table itself) with the units that one ConsumedCapacity says."""
    yield None, (entry.get("Table") or {"CapacityUnits": entry["CapacityUnits"]})["CapacityUnits"]
    for index, part in (entry.get("GlobalSecondaryIndexes") or {}).items():
        yield index, part["CapacityUnits"]


def _as_wanted(answer: Json, wanted: str) -> None:
    """Leave of ConsumedCapacity what the client asked for."""
    if wanted == "NONE":
        answer.pop("ConsumedCapacity", None)
    elif wanted == "TOTAL":
        for entry in _entries(answer.get("ConsumedCapacity")):
            for name in [name for name in entry if name not in ("TableName", "CapacityUnits")]:
                del entry[name]


def _index(table: Json, name: str) -> Json | None:
    indexes = table.get("GlobalSecondaryIndexes") or []
    return next((index for index in indexes if index["IndexName"] == name), None)


def _size(item: Json) -> int:
    from ministack.services import dynamodb

    return int(dynamodb._item_size_bytes(item))


def _without_checksum(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "x-amz-crc32"}
