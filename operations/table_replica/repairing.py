"""Makes a replica equal to its source where it is not, whatever the reason, while both go on changing.

A repaired item gets what the source has at that moment, by a strongly consistent read, and not what a comparison saw.
Changes that arrive meanwhile are guarded against as a backfill does:

Not guarded: the mapping is held. Every change from before the hold is in what is read then, every later one waits in
the stream and comes when the hold ends.

Guarded: nothing is held. The item's position is read first, then the source; both are written in one transaction, on
the condition that the position is still the same. A change that was streamed in between has moved it, and the item is
looked at again. The position becomes the beginning of the stream that the table has now, unless it is later: changes of
an older stream that wait somewhere are older than what was written, those of this stream are newer or bring the same.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from botocore.exceptions import ClientError

from handlers.shared.positions import position_names
from handlers.shared.transactions import CONDITION_FAILED, cancellation_reasons
from operations.instruments.holding import Notes, held
from operations.instruments.items import digest, key_attributes
from operations.instruments.rates import RateLimit, provisioned
from operations.instruments.raw import Item
from operations.instruments.tables import MAX_GET_KEYS, Table
from operations.instruments.verifying import Report
from operations.table_replica.deployed import Replica

THREADS = 8
# An item whose position moves so often is changed all the time: the stream brings it.
ATTEMPTS = 5
LONGEST_WAIT_S = 2.0
SECONDS_PER_DAY = 86_400
# What a call, or an action of a transaction, says of an item that the table will never take.
REFUSED = {"ValidationException", "ValidationError", "ItemCollectionSizeLimitExceededException"}
REFUSED |= {"ItemCollectionSizeLimitExceeded"}
# Why a transaction is cancelled that may succeed when it is made again from what there is then.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html
AGAIN = {CONDITION_FAILED, "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"}


class Done(Enum):
    """What became of a key."""

    WRITTEN = "written"
    REMOVED = "removed"
    SETTLED = "settled"
    MOVED = "moved"


@dataclass
class Mended:
    """What a repair did: items written and removed, and those that had become equal. Keys that could not be repaired:
    `refused` by the replica, with the reason, and `moving`, which were changed again and again meanwhile."""

    written: int = 0
    removed: int = 0
    settled: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    moving: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many keys are as they should be."""
        return self.written + self.removed + self.settled

    def as_json(self, names: Sequence[str]) -> dict[str, Any]:
        """The same for other programs."""
        return {
            "written": self.written,
            "removed": self.removed,
            "settled": self.settled,
            "refused": [{"key": key_attributes(key, names), "reason": why} for key, why in self.refused.items()],
            "moving": [key_attributes(key, names) for key in self.moving],
        }

    def told(self) -> Iterator[str]:
        """What could not be repaired, and what to do about it."""
        if self.refused:
            key, why = next(iter(self.refused.items()))
            yield (
                f"{len(self.refused)} items are refused by the replica, {key} for one: {why}. Put them right in the "
                "source, and the stream brings them; or change the replica's indexes, and type the same command again."
            )
        if self.moving:
            yield f"{len(self.moving)} items were changed all the time: the stream brings them. Verify again later."


def intention(replica: Replica, report: Report) -> Iterator[str]:
    """What a repair of what was found does."""
    more = f", and what of {report.more} more still differs then" if report.more else ""
    yield (
        f"Writes {len(report.missing)} missing and {len(report.differing)} differing items of `{replica.source.name}` "
        f"into `{replica.replica.name}`, as they are then, and removes {len(report.extra)} extra ones{more}. "
        + ("The stream goes on." if replica.positions_table else "The stream is held meanwhile.")
    )
    if report.failed:
        yield (
            f"{len(report.failed)} of them wait in the on-failure bucket. Redrive first: it leaves nothing there that "
            "could be applied later."
        )
    if report.unsettled:
        yield f"{len(report.unsettled)} that keep changing are left to the stream."


def repair(replica: Replica, report: Report, again: Callable[[], Report], tombstone_days: int) -> Mended:
    """Repair what was found. `again` compares anew, for when there was more than could be named at once."""
    mended = Mended()
    while keys := report.kept or [*report.missing, *report.extra, *(one.key for one in report.differing)]:
        before = mended.done
        _mend(replica, keys, mended, tombstone_days)
        if not report.more or mended.done == before:
            break
        report = again()
    return mended


def _mend(replica: Replica, keys: Sequence[str], mended: Mended, tombstone_days: int) -> None:
    guarded = replica.positions_table is not None
    notes = Notes(replica.s3, replica.failure_bucket)
    limit = RateLimit(provisioned(replica.replica.description, "WriteCapacityUnits"))
    write = _guarded(replica, limit, tombstone_days) if guarded else _unguarded(replica, limit)
    hold = nullcontext() if guarded else held(replica.lambda_, replica.mapping_id, notes=notes)
    with hold, ThreadPoolExecutor(THREADS) as threads:
        for attempt in range(ATTEMPTS):
            time.sleep(random.uniform(0, LONGEST_WAIT_S) if attempt else 0)
            chunks = [keys[start : start + MAX_GET_KEYS] for start in range(0, len(keys), MAX_GET_KEYS)]
            keys = [key for chunk in chunks for key in _chunk(write, chunk, mended, threads)]
            if not keys:
                return
    mended.moving += keys


# Reads some keys, and returns what writes one of them.
Write = Callable[[Sequence[str]], Callable[[str], Done]]


def _chunk(write: Write, keys: Sequence[str], mended: Mended, threads: ThreadPoolExecutor) -> list[str]:
    """Repair some keys; those that were changed meanwhile."""
    write_one = write(keys)

    def attempt(key: str) -> Done | str:
        try:
            return write_one(key)
        except ClientError as error:
            codes = {str(error.response.get("Error", {}).get("Code")): str(error)} | dict(cancellation_reasons(error))
            if refused := [why for code, why in codes.items() if code in REFUSED]:
                return refused[0]
            raise

    moved = []
    for key, done in zip(keys, threads.map(attempt, keys), strict=True):
        match done:
            case Done.WRITTEN:
                mended.written += 1
            case Done.REMOVED:
                mended.removed += 1
            case Done.SETTLED:
                mended.settled += 1
            case Done.MOVED:
                moved.append(key)
            case why:
                mended.refused[key] = str(why)
    return moved


def _equal(one: Item | None, other: Item | None) -> bool:
    return one == other or (one is not None and other is not None and digest(one) == digest(other))


def _unguarded(replica: Replica, limit: RateLimit) -> Write:
    table = replica.replica
    counted = {"TableName": table.name, "ReturnConsumedCapacity": "TOTAL"}

    def write(keys: Sequence[str]) -> Callable[[str], Done]:
        here, there = replica.source.get(keys), table.get(keys)

        def write_one(key: str) -> Done:
            item = here.get(key)
            if _equal(item, there.get(key)):
                return Done.SETTLED
            if item is None:
                answer = table.dynamodb.delete_item({**counted, "Key": key_attributes(key, table.keys)})
            else:
                answer = table.dynamodb.put_item({**counted, "Item": item})
            limit.spend(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 1.0))
            return Done.REMOVED if item is None else Done.WRITTEN

        return write_one

    return write


def _guarded(replica: Replica, limit: RateLimit, tombstone_days: int) -> Write:
    table, source = replica.replica, replica.source
    positions = Table(table.dynamodb, str(replica.positions_table))
    names = position_names(table.keys)
    begin = _beginning(source)

    def write(keys: Sequence[str]) -> Callable[[str], Done]:
        # In this order: a change that comes after the position was read moves it, one from before is in the source.
        known = positions.get(keys)
        here, there = source.get(keys), table.get(keys)

        def write_one(key: str) -> Done:
            item, key_of_item = here.get(key), key_attributes(key, table.keys)
            if _equal(item, there.get(key)):
                return Done.SETTLED
            old = known.get(key, {}).get(names.position, {}).get("S")
            action = (
                {"Delete": {"TableName": table.name, "Key": key_of_item}}
                if item is None
                else {"Put": {"TableName": table.name, "Item": item}}
            )
            row: dict[str, Any] = {**key_of_item, names.position: {"S": max(old or "", begin)}}
            if item is None:
                row[names.expires] = {"N": str(int(time.time()) + tombstone_days * SECONDS_PER_DAY)}
            unmoved = {
                "TableName": positions.name,
                "Item": row,
                "ConditionExpression": "attribute_not_exists(#position)" if old is None else "#position = :old",
                "ExpressionAttributeNames": {"#position": names.position},
                **({} if old is None else {"ExpressionAttributeValues": {":old": {"S": old}}}),
            }
            done = Done.REMOVED if item is None else Done.WRITTEN
            return _transact(table, [action, {"Put": unmoved}], limit, done)

        return write_one

    return write


def _transact(table: Table, actions: Sequence[Mapping[str, Any]], limit: RateLimit, done: Done) -> Done:
    request = {"TransactItems": actions, "ReturnConsumedCapacity": "TOTAL"}
    try:
        answer = table.dynamodb.transact_write_items(request)
    except ClientError as error:
        if AGAIN & {code for code, _ in cancellation_reasons(error)}:
            return Done.MOVED
        raise
    limit.spend(sum(one.get("CapacityUnits", 0.0) for one in answer.get("ConsumedCapacity", [])))
    return done


def _beginning(source: Table) -> str:
    """The position before the first change of the stream that the table has now; "" when it has none.

    As handlers/table_replicator/changes.py makes positions: when the stream was made, and 40 digits.
    """
    label = source.description.get("LatestStreamLabel")
    return f"{label}#{0:040}" if label else ""
