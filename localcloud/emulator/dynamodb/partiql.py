"""PartiQL statements change a table as every other write does: streams tell of it, and the item keeps DynamoDB's rules.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.html. The emulator's executors file the
item and do no more. A transaction tells of its changes once all of them are made:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-reference.multiplestatements.transactions.html
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple

from localcloud.emulator.dynamodb.values import MODULE
from localcloud.emulator.patching import replaces

Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


class _Change(NamedTuple):
    table_name: str
    kind: str
    old_item: Json | None
    new_item: Json | None


# The changes of the transaction that is being executed; None outside of one.
_held: ContextVar[list[_Change] | None] = ContextVar("partiql_changes", default=None)


def _tell(change: _Change) -> None:
    """Put a change into the table's streams, or keep it until its transaction is done."""
    from ministack.services import dynamodb

    held = _held.get()
    if held is None:
        dynamodb._emit_stream_event(*change)
    else:
        held.append(change)


def refusal(table: Json, item: Json) -> Answer | None:
    """Why the table cannot hold the item: key and index sizes, types, nesting, names; None when it can."""
    from ministack.services import dynamodb

    names = table["pk_name"], table["sk_name"]
    found = (
        dynamodb._values_error_response([{"M": item}], envelope=False)
        or dynamodb._validate_item(item, *names)
        or dynamodb._resolve_table_key_values(table, item, allow_extra=True)[2]
        or dynamodb._validate_index_key_values(table, item)
    )
    refused: Answer | None = found
    return refused


def _item_of(parsed: Json) -> Json:
    item = parsed.get("item") or {}
    inner: Json = item["M"] if set(item) == {"M"} else item
    return inner


def install() -> None:
    from ministack.services import dynamodb

    @replaces(MODULE, "_partiql_insert", source="53c143f0d22e")
    def insert(original: Callable[[Json, Json], Answer], table: Json, parsed: Json) -> Answer:
        item = _item_of(parsed)
        refused = refusal(table, item) if item else None
        if refused is not None:
            return refused
        answer = original(table, parsed)
        if answer[0] == 200:
            _tell(_Change(table["TableName"], "INSERT", None, item))
        return answer

    @replaces(MODULE, "_partiql_update", source="ca421900a6ad")
    def update(original: Callable[..., Answer], table: Json, parsed: Json, data: Json | None = None) -> Answer:
        return _changed(lambda: original(table, parsed, data), table, parsed)

    @replaces(MODULE, "_partiql_delete", source="f6995ca7e868")
    def delete(original: Callable[..., Answer], table: Json, parsed: Json, data: Json | None = None) -> Answer:
        return _changed(lambda: original(table, parsed, data), table, parsed)

    def _changed(execute: Callable[[], Answer], table: Json, parsed: Json) -> Answer:
        """Execute an UPDATE or DELETE; what the table may not hold is taken back."""
        partition, sort, _, refused = dynamodb._partiql_key_target(table, parsed)
        if refused:
            return execute()  # which words it
        old_item = table["items"].get(partition, {}).get(sort)
        answer = execute()
        new_item = table["items"].get(partition, {}).get(sort)
        if answer[0] != 200 or old_item is None:
            return answer
        refused = refusal(table, new_item) if new_item is not None else None
        if refused is not None:
            dynamodb._set_item(table, partition, sort, old_item)
            return refused
        _tell(_Change(table["TableName"], "REMOVE" if new_item is None else "MODIFY", old_item, new_item))
        return answer

    @replaces(MODULE, "_execute_transaction", source="1f50148b67a4")
    def execute_transaction(original: Callable[[Json], Answer], data: Json) -> Answer:
        changes: list[_Change] = []
        token = _held.set(changes)
        try:
            answer = original(data)
        finally:
            _held.reset(token)
        if answer[0] == 200:
            for change in changes:
                _tell(change)
        return answer
