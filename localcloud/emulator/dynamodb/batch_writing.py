"""BatchWriteItem: all members are checked before the first is written, and each of them once.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html . The emulator checks every
member twice and computes capacity that nobody asked for, which is most of what a batch costs.
"""

import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ministack.core.responses import error_response_json, json_response

from localcloud.emulator.dynamodb.values import MODULE, plain_item_bytes
from localcloud.emulator.patching import replaces
from localcloud.emulator.request_gate import parsed_body

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


class _RefusedError(Exception):
    """The answer to a batch of which nothing is written."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class _Write(NamedTuple):
    """One member: the table by the name that the request gives it, and by its own; `item` is None for a delete."""

    asked_name: str
    name: str
    table: Json
    partition: str
    sort: str
    item: Json | None


def batch_write(data: Json) -> Answer:
    """Write a batch whose shape and size were found to be right."""
    from ministack.services import dynamodb

    try:
        writes = list(_checked(data["RequestItems"]))
    except _RefusedError as refused:
        return refused.answer
    wanted = data.get("ReturnConsumedCapacity", "NONE")
    used: dict[str, Json] = {name: {"table": 0.0, "gsi": {}, "lsi": {}} for name in data["RequestItems"]}
    for asked_name, name, table, partition, sort, item in writes:
        if item is None:
            old_item = dynamodb._remove_item(table, partition, sort)
            if old_item:
                dynamodb._emit_stream_event(name, "REMOVE", old_item, None)
        else:
            old_item = dynamodb._set_item(table, partition, sort, item)
            dynamodb._emit_stream_event(name, "MODIFY" if old_item else "INSERT", old_item, item)
        if wanted != "NONE":
            dynamodb._accumulate_write_capacity(used[asked_name], table, old_item, item)
    answer: Json = {"UnprocessedItems": {}}
    if wanted != "NONE":
        answer["ConsumedCapacity"] = [_capacity(name, units, wanted) for name, units in used.items()]
    written: Answer = json_response(answer)
    return written


def _checked(request_items: Json) -> Iterator[_Write]:
    """The members in order. Raises _RefusedError."""
    from ministack.services import dynamodb

    seen = set()
    for asked_name, requests in request_items.items():
        name = dynamodb._normalize_table_name(asked_name)
        table = dynamodb._tables.get(name)
        if not table:
            raise _RefusedError(error_response_json("ResourceNotFoundException", "Requested resource not found", 400))
        for request in requests:
            if "PutRequest" in request:
                item = request["PutRequest"].get("Item", {})
                partition, sort = _checked_item(table, item)
            elif "DeleteRequest" in request:
                item, key = None, request["DeleteRequest"].get("Key", {})
                _raise(dynamodb._values_error_response([{"M": key}], envelope=False))
                partition, sort, refusal = dynamodb._resolve_table_key_values(table, key, allow_extra=False)
                _raise(refusal)
            else:
                continue
            if (asked_name, partition, sort) in seen:
                message = "Provided list of item keys contains duplicates"
                raise _RefusedError(error_response_json("ValidationException", message, 400))
            seen.add((asked_name, partition, sort))
            yield _Write(asked_name, name, table, partition, sort, item)


def _checked_item(table: Json, item: Any) -> tuple[str, str]:
    """The key of an item that may be put. Raises _RefusedError."""
    from ministack.services import dynamodb

    names = table["pk_name"], table["sk_name"]
    size_bytes = plain_item_bytes(item)
    if size_bytes is None or size_bytes > dynamodb._DDB_ITEM_MAX_BYTES:
        whole = [{"M": item}]  # so that its names are looked at too
        _raise(dynamodb._values_error_response(whole, envelope=False) or dynamodb._validate_item(item, *names))
    else:
        _raise(dynamodb._key_length_error(item, *names))
    partition, sort, refusal = dynamodb._resolve_table_key_values(table, item, allow_extra=True)
    _raise(refusal or dynamodb._validate_index_key_values(table, item))
    return partition, sort


def _raise(refusal: Answer | None) -> None:
    if refusal is not None:
        raise _RefusedError(refusal)


def _capacity(name: str, units: Json, wanted: str) -> Json:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ConsumedCapacity.html"""
    total = units["table"] + sum(units["gsi"].values()) + sum(units["lsi"].values())
    entry: Json = {"TableName": name, "CapacityUnits": total}
    if wanted == "INDEXES":
        entry["Table"] = {"CapacityUnits": units["table"]}
        for member, kind in (("GlobalSecondaryIndexes", "gsi"), ("LocalSecondaryIndexes", "lsi")):
            if units[kind]:
                entry[member] = {index: {"CapacityUnits": used} for index, used in units[kind].items()}
        if vectors := units.get("vector"):
            entry["VectorIndexes"] = {index: {"VectorWriteRequestBytes": used} for index, used in vectors.items()}
    return entry


def install() -> None:
    from ministack.services import dynamodb

    @replaces(MODULE, "_batch_write_item", source="7c31fe8286ae")
    def batch_write_item(original: Callable[[Json], Answer], data: Json) -> Answer:
        asked = data.get("RequestItems")
        well_formed = (
            asked
            and not dynamodb._batch_members_error(data, asked, write=True)
            and sum(map(len, asked.values())) <= dynamodb._DDB_BATCH_WRITE_MAX
        )
        # The emulator words the refusal of what is not.
        return batch_write(data) if well_formed else original(data)

    @replaces(MODULE, "handle_request", source="1201f2ac993c")
    async def handle_request(
        original: Callable[..., Awaitable[Answer]],
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        query_params: Any,
    ) -> Answer:
        """Batches are parsed by now, since they were authorized; the emulator would parse them again."""
        if not headers.get("x-amz-target", "").endswith(".BatchWriteItem") or not (data := parsed_body(body)):
            return await original(method, path, headers, body, query_params)
        status, reply_headers, reply = dynamodb._batch_write_item(data)
        return status, {**reply_headers, "x-amz-crc32": str(zlib.crc32(reply))}, reply
