"""Scan: pages in an order that lasts, each found without looking at the rest of the table.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html . The emulator sorts the whole table for
every page. Requests are still checked, and indexes still read, by the emulator's own Scan.
"""

import contextvars
import math
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import JSON_1_0_CONTENT_TYPE, AccountRegionScopedDict, error_response_json

from localcloud.emulator import fast_json
from localcloud.emulator.dynamodb.scan_order import BUCKETS, Key, ScanOrder, bucket_of, segment_of
from localcloud.emulator.patching import replaces

MODULE = "ministack.services.dynamodb"
MAX_PAGE_BYTES = 1_048_576
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
READ_UNIT_BYTES = 4096

Item = dict[str, Any]
Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

# Where a table keeps its order, once it has been scanned.
_ORDER = "_scan_order"

# Set while a request is checked: tables then look empty, so that checking costs nothing.
_checking: contextvars.ContextVar[bool] = contextvars.ContextVar("checking_a_scan", default=False)


class _Tables(AccountRegionScopedDict):  # type: ignore[misc]
    """The tables by name, without items while a request is checked."""

    __slots__ = ()

    def get(self, key: str, default: Any = None) -> Any:
        table = super().get(key, default)
        return {**table, "items": {}} if table and _checking.get() else table


def scan(data: Json, check: Callable[[Json], Answer]) -> Answer:
    """One page of a table; `check` is the emulator's own Scan."""
    from ministack.services import dynamodb

    token = _checking.set(True)
    try:
        checked = check(data)
    finally:
        _checking.reset(token)
    if checked[0] != 200:
        return checked
    name = dynamodb._normalize_table_name(data["TableName"])
    table = dynamodb._tables.get(name)
    buckets = range(BUCKETS)
    if data.get("TotalSegments") is not None:
        buckets = segment_of(int(data["Segment"]), int(data["TotalSegments"]))
    after = None
    if data.get("ExclusiveStartKey"):
        after = _start(table, data["ExclusiveStartKey"])
        if after is None:
            return _invalid_start("The provided key element does not match the schema")
        if bucket_of(after[0]) not in buckets:
            return _invalid_start(
                "Invalid ExclusiveStartKey. Please use ExclusiveStartKey with correct Segment. "
                f"TotalSegments: {data['TotalSegments']} Segment: {_segment_with(after, int(data['TotalSegments']))}"
            )
    limit = None if data.get("Limit") is None else int(data["Limit"])
    page, size_bytes, more = _read(_items(table, buckets, after), limit)
    try:
        answer = _found(data, page)
    except ValueError as error:
        return _refused(str(error))
    if more:
        answer["LastEvaluatedKey"] = dynamodb._build_key(page[-1], table["pk_name"], table["sk_name"])
    _add_capacity(answer, data, name, size_bytes)
    return 200, {"Content-Type": JSON_1_0_CONTENT_TYPE}, fast_json.dumps(answer)


def order_of(table: Json) -> ScanOrder:
    """The order of a table, made when it is first asked for."""
    from ministack.services import dynamodb

    order: ScanOrder | None = table.get(_ORDER)
    if order is None:
        sort_name = table["sk_name"]
        # In its place before it is filled, so that it misses nothing that another thread writes meanwhile.
        order = table[_ORDER] = ScanOrder(dynamodb._get_attr_type(table, sort_name) if sort_name else None)
        for partition, items in list(table["items"].items()):
            for sort in list(items):
                order.add((partition, sort))
    return order


def _items(table: Json, buckets: range, after: Key | None) -> Iterator[Item]:
    items = table["items"]
    for partition, sort in order_of(table).keys(buckets, after):
        item = items.get(partition, {}).get(sort)
        if item is not None:  # expired since, on another thread
            yield item


def _read(items: Iterator[Item], limit: int | None) -> tuple[list[Item], int, bool]:
    """A page, its size, and whether it ended for want of room: AWS does not look whether more would have followed."""
    from ministack.services import dynamodb

    size_of: Callable[[Item], int] = dynamodb._item_size_bytes
    page: list[Item] = []
    page_bytes = 0
    for item in items:
        item_bytes = size_of(item)
        if page and page_bytes + item_bytes > MAX_PAGE_BYTES:
            return page, page_bytes, True
        page.append(item)
        page_bytes += item_bytes
        if len(page) == limit or page_bytes >= MAX_PAGE_BYTES:
            return page, page_bytes, True
    return page, page_bytes, False


def _found(data: Json, page: list[Item]) -> Json:
    """What the filter leaves of a page, as far as the request asks for it. Raises ValueError."""
    from ministack.services import dynamodb

    found, legacy = page, data.get("ScanFilter") or data.get("QueryFilter")
    if expression := data.get("FilterExpression"):
        values, names = data.get("ExpressionAttributeValues", {}), data.get("ExpressionAttributeNames", {})
        found = [
            item
            for item in page
            if dynamodb._evaluate_condition(expression, item, values, names, slot="FilterExpression")
        ]
    elif legacy:
        found = [item for item in page if dynamodb._evaluate_legacy_filter(item, legacy)]
    counts: Json = {"Count": len(found), "ScannedCount": len(page)}
    if data.get("Select") == "COUNT":
        return counts
    return {"Items": [dynamodb._apply_projection(item, data) for item in found], **counts}


def _start(table: Json, start: Json) -> Key | None:
    """The key to go on after, as the table keeps it; None when it is no key of the table."""
    from ministack.services import dynamodb

    partition, sort, error = dynamodb._resolve_table_key_values(table, start, allow_extra=False)
    if error is not None:
        return None
    named = [(table["pk_name"], partition), (table["sk_name"], sort)]
    values = [
        dynamodb._ddb_canonicalize_number(value) if "N" in start.get(name, ()) else value for name, value in named
    ]
    return None if None in values else (values[0], values[1])


def _segment_with(key: Key, total: int) -> int:
    return next(segment for segment in range(total) if bucket_of(key[0]) in segment_of(segment, total))


def _add_capacity(answer: Json, data: Json, name: str, size_bytes: int) -> None:
    """All that was read is paid for together, filtered or not, in half units unless the read is consistent."""
    wanted = data.get("ReturnConsumedCapacity", "NONE")
    if wanted == "NONE":
        return
    units = max(1, math.ceil(size_bytes / READ_UNIT_BYTES)) * (1.0 if data.get("ConsistentRead") else 0.5)
    answer["ConsumedCapacity"] = {"TableName": name, "CapacityUnits": units}
    if wanted == "INDEXES":
        answer["ConsumedCapacity"]["Table"] = {"CapacityUnits": units}


def _invalid_start(reason: str) -> Answer:
    return _refused(f"The provided starting key is invalid: {reason}")


def _refused(message: str) -> Answer:
    answer: Answer = error_response_json("ValidationException", message, 400)
    return answer


def install() -> None:
    from ministack.services import dynamodb

    dynamodb._tables.__class__ = _Tables

    @replaces(MODULE, "_scan", source="7094ff00335e")
    def scanned(original: Callable[[Json], Answer], data: Json) -> Answer:
        return original(data) if data.get("IndexName") else scan(data, original)

    @replaces(MODULE, "_set_item", source="4e78ad492132")
    def set_item(original: Callable[..., Any], table: Json, partition: str, sort: str, item: Item) -> Any:
        old_item = original(table, partition, sort, item)
        if old_item is None and (order := table.get(_ORDER)) is not None:
            order.add((partition, sort))
        return old_item

    @replaces(MODULE, "_remove_item", source="5cce50c99688")
    def remove_item(original: Callable[..., Any], table: Json, partition: str, sort: str) -> Any:
        old_item = original(table, partition, sort)
        if old_item is not None and (order := table.get(_ORDER)) is not None:
            order.discard((partition, sort))
        return old_item

    @replaces(MODULE, "_items_replaced", source="b48626c371f7")
    def items_replaced(original: Callable[[Json], None], table: Json) -> None:
        table.pop(_ORDER, None)
        original(table)
