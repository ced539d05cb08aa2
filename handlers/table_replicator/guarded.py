"""Writes changes so that an older one never overwrites a newer one, whenever and however often it comes.

A table of positions has for every item the stream position of its last change, the removed ones for some days more.
An item and its position are written in one transaction, on the condition that the position does not go back.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from handlers.shared.clients import Renewable
from handlers.shared.images import compact
from handlers.shared.ordered import Entry
from handlers.shared.positions import PositionNames
from handlers.shared.transactions import CONDITION_FAILED, INVALID, TransactionSize, cancellation_reasons
from handlers.table_replicator.changes import Change

__all__ = ["GuardedWriter", "guarded_requests"]

SECONDS_PER_DAY = 86_400


def guarded_requests(
    table: str, positions_table: str, tombstone_days: int, names: PositionNames
) -> Callable[[Change], Entry]:
    """Makes an entry of a change: its body is the two actions of a transaction, the item's and its position's."""

    def entry(change: Change) -> Entry:
        if change.image is None:
            write = {"Delete": {"TableName": table, "Key": change.key}}
        else:
            write = {"Put": {"TableName": table, "Item": change.image}}
        return Entry(change.position, change.item, compact([write, _position(change)])[1:-1])

    def _position(change: Change) -> dict[str, Any]:
        item: dict[str, Any] = {**change.key, names.position: {"S": change.stream_position}}
        if change.image is None:
            item[names.expires] = {"N": str(int(time.time()) + tombstone_days * SECONDS_PER_DAY)}
        return {
            "Put": {
                "TableName": positions_table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(#position) OR #position <= :position",
                "ExpressionAttributeNames": {"#position": names.position},
                "ExpressionAttributeValues": {":position": {"S": change.stream_position}},
            }
        }

    return entry


class GuardedWriter:
    """Sends transactions; a change that a newer one had overtaken is left out and counted, which is no failure."""

    def __init__(self, client: Renewable) -> None:
        self._superseded: list[Entry] = []
        self._client = client
        self._size = TransactionSize()

    def superseded(self) -> int:
        """How many changes a newer one had overtaken."""
        return len(self._superseded)

    def send(self, batch: Sequence[Entry]) -> Sequence[Entry]:
        """Writes as much of the batch as passes in one transaction and returns the entries to send again.

        Entries that turn out to be older than what is there are left out. Raises what botocore raises.
        """
        waiting, rest = list(batch[: self._size.most]), batch[self._size.most :]
        while waiting:
            try:
                with self._client.using() as client:
                    actions = b",".join(one.body for one in waiting)
                    client.call("TransactWriteItems", b'{"TransactItems":[%b]}' % actions)
            except ClientError as error:
                older = _older(error, waiting)
                if not older:
                    return [*self._undecided(error, waiting), *rest]
                self._superseded += older
                waiting = [entry for entry in waiting if entry not in older]
                continue
            self._size.passed()
            break
        return rest

    def _undecided(self, error: ClientError, waiting: list[Entry]) -> list[Entry]:
        """What to do when nobody is to blame for being older: all of it again, unless an item is unacceptable."""
        reasons = cancellation_reasons(error)
        if unacceptable := [message for code, message in reasons if code in INVALID]:
            answer: Any = {"Error": {"Code": "ValidationException", "Message": unacceptable[0]}}
            raise ClientError(answer, error.operation_name) from error
        self._size.note(error, len(waiting))
        if reasons:
            return waiting
        raise error


def _older(error: ClientError, waiting: Sequence[Entry]) -> list[Entry]:
    """The entries whose position the table has passed: the reasons come in pairs, the item's and its position's."""
    of_positions = cancellation_reasons(error)[1::2]
    return [entry for entry, (code, _) in zip(waiting, of_positions, strict=False) if code == CONDITION_FAILED]
