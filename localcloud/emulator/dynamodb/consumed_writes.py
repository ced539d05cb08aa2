"""ConsumedWriteCapacityUnits of tables: a unit for each KB of the item before or after a write, whichever is larger.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html. Deletions by Time to Live
consume nothing. What writes to indexes and transactions consume besides is not counted.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator import metrics
from localcloud.emulator.dynamodb.values import MODULE
from localcloud.emulator.patching import replaces
from localcloud.emulator.table_streams.change_records import is_deletion_by_ttl

UNIT_BYTES = 1024

Item = dict[str, Any]


def install() -> None:
    from ministack.services import dynamodb

    def units(old: Item | None, new: Item | None) -> int:
        size_bytes = max(int(dynamodb._item_size_bytes(item)) for item in (old, new) if item is not None)
        return max(1, -(-size_bytes // UNIT_BYTES))

    @replaces(MODULE, "_emit_stream_event", source="8568d0446f26")
    def emit(
        original: Callable[..., None],
        table: str,
        event: str,
        old: Item | None,
        new: Item | None,
        *more: Any,
        **named: Any,
    ) -> None:
        original(table, event, old, new, *more, **named)
        if (old is not None or new is not None) and not is_deletion_by_ttl():
            dimensions = {"TableName": table}
            metrics.add(
                get_account_id(),
                get_region(),
                "AWS/DynamoDB",
                "ConsumedWriteCapacityUnits",
                units(old, new),
                dimensions,
            )
