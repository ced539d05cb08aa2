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
from handlers.shared.errors import Cause, cause_of
from handlers.shared.images import compact
from handlers.shared.ordered import Entry
from handlers.shared.transactions import CONDITION_FAILED, INVALID, cancellation_reasons
from handlers.table_replicator.changes import Change

__all__ = ["GuardedWriter", "guarded_requests"]

SECONDS_PER_DAY = 86_400

POSITION = "position"
EXPIRES = "expires"


def guarded_requests(table: str, positions_table: str, tombstone_days: int) -> Callable[[Change], Entry]:
    """Makes an entry of a change: its body is the two actions of a transaction, the item's and its position's."""

    def entry(change: Change) -> Entry:
        if change.image is None:
            write = {"Delete": {"TableName": table, "Key": change.key}}
        else:
            write = {"Put": {"TableName": table, "Item": change.image}}
        return Entry(change.position, change.item, compact([write, _position(change)])[1:-1])

    def _position(change: Change) -> dict[str, Any]:
        item: dict[str, Any] = {**change.key, POSITION: {"S": change.stream_position}}
        if change.image is None:
            item[EXPIRES] = {"N": str(int(time.time()) + tombstone_days * SECONDS_PER_DAY)}
        return {
            "Put": {
                "TableName": positions_table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(#position) OR #position <= :position",
                "ExpressionAttributeNames": {"#position": POSITION},
                "ExpressionAttributeValues": {":position": {"S": change.stream_position}},
            }
        }

    return entry


class GuardedWriter:
    """Sends transactions; a change that a newer one had overtaken is left out and counted, which is no failure."""

    def __init__(self, client: Renewable) -> None:
        self._superseded: list[Entry] = []
        self._client = client

    def superseded(self) -> int:
        """How many changes a newer one had overtaken."""
        return len(self._superseded)

    def send(self, batch: Sequence[Entry]) -> Sequence[Entry]:
        """Writes the batch in one transaction and returns the entries to send again.

        A transaction does all or nothing: entries that turn out to be older than what is there are left out of the
        next attempt. Raises what botocore raises; after expired credentials the next call uses new ones.
        """
        waiting = list(batch)
        while waiting:
            client = self._client.get()
            try:
                client.transact_write_items(Body=b'{"TransactItems":[%b]}' % b",".join(one.body for one in waiting))
                return []
            except ClientError as error:
                older = _older(error, waiting)
                if not older:
                    return self._undecided(error, client, waiting)
                self._superseded += older
                waiting = [entry for entry in waiting if entry not in older]
        return []

    def _undecided(self, error: ClientError, client: Any, waiting: list[Entry]) -> list[Entry]:
        """What to do when nobody is to blame for being older: all of it again, unless an item is unacceptable."""
        reasons = cancellation_reasons(error)
        if unacceptable := [message for code, message in reasons if code in INVALID]:
            answer: Any = {"Error": {"Code": "ValidationException", "Message": unacceptable[0]}}
            raise ClientError(answer, error.operation_name) from error
        if reasons:
            return waiting
        if cause_of(error) is Cause.EXPIRED:
            self._client.drop(client)
        raise error


def _older(error: ClientError, waiting: Sequence[Entry]) -> list[Entry]:
    """The entries whose position the table has passed: the reasons come in pairs, the item's and its position's."""
    of_positions = cancellation_reasons(error)[1::2]
    return [entry for entry, (code, _) in zip(waiting, of_positions, strict=False) if code == CONDITION_FAILED]
