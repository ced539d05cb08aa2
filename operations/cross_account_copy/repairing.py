"""Makes the ends of a copy equal where they are not: tables from the stream, lake and click stream from the tables.

A record's item never changes, so a table gets what the stream, or the on-failure bucket, has under a key, and loses
what the stream does not have between the first and the last record that it still holds. Lake and click stream get what
they lack through the functions that feed them, as if the tables' streams said it again. The click stream's function is
held meanwhile, and what it is given is what the tables have then: so nothing older overwrites what is newer.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from operations.cross_account_copy.expecting import KEY_NAMES
from operations.cross_account_copy.partitions import NO_ITEM, Candidate
from operations.cross_account_copy.stream_with_tables import StreamWithTables
from operations.cross_account_copy.tables import has_key, split
from operations.cross_account_copy.tables_with_clicks import TablesWithClicks
from operations.cross_account_copy.tables_with_lake import TablesWithLake
from operations.cross_account_copy.verifying import Compared
from operations.instruments.functions import Applied, StreamFunction, apply
from operations.instruments.holding import Notes, held
from operations.instruments.items import digest, key_attributes, key_of
from operations.instruments.rates import RateLimit, provisioned
from operations.instruments.raw import Item
from operations.instruments.tables import Table

THREADS = 8
# Records that a function is given at once.
BATCH = 300
SHOWN = 20
LINES = "lines of the lake cannot be taken out of their objects, nor can what is no line: they stay, as history"


@dataclass
class Mended:
    """What a repair did: `written` and `removed` count items, `sent` lines. `left` says of what could not be repaired
    why, key by key."""

    written: int = 0
    removed: int = 0
    sent: int = 0
    left: dict[str, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How much was repaired."""
        return self.written + self.removed + self.sent

    def as_json(self) -> dict[str, Any]:
        """The same for other programs."""
        left = [{"key": key, "reason": why} for key, why in self.left.items()]
        return {"written": self.written, "removed": self.removed, "sent": self.sent, "left": left}

    def told(self) -> Iterator[str]:
        """What is left, the first of it key by key."""
        yield from (f"  {key}: {why}" for key, why in list(self.left.items())[:SHOWN])
        if len(self.left) > SHOWN:
            yield f"  and {len(self.left) - SHOWN} more"


# The functions that feed lake and click stream, by name.
Functions = Mapping[str, StreamFunction]


def intention(results: Iterable[Compared]) -> Iterator[str]:
    """What a repair of what was found does."""
    for one in results:
        counts = {kind: len(candidates) for kind, candidates in one.found.items() if candidates}
        if counts:
            found = ", ".join(f"{count} {kind}" for kind, count in counts.items())
            yield f"{one.section.copy}: {found}. {INTENTIONS[type(one.comparison)]}"


INTENTIONS: Mapping[type, str] = {
    StreamWithTables: (
        "Writes what the stream or the on-failure bucket has for a key, and removes extra items; what can have no item "
        "stays."
    ),
    TablesWithLake: f"Sends the items as they are then through the function that feeds the lake; {LINES}.",
    TablesWithClicks: (
        "Sends the items as they are then through the function that feeds the click stream, whose streams are held "
        "meanwhile, and removes extra clicks."
    ),
}


def repair(results: Iterable[Compared], functions: Functions, mended: Mended) -> None:
    """Repair what was found, in the order of the copy's flow. `mended` is told of each key."""
    for one in results:
        match one.comparison:
            case StreamWithTables() as comparison:
                _repair_tables(comparison, one.found, mended)
            case TablesWithLake() as comparison:
                _repair_lake(comparison, one.found, functions, mended)
            case TablesWithClicks() as comparison:
                _repair_clicks(comparison, one.found, functions, mended)


Found = Mapping[str, Sequence[Candidate]]


def _repair_tables(comparison: StreamWithTables, found: Found, mended: Mended) -> None:
    tables = comparison.tables
    candidates = _of(found, "missing", "differing", "failed")
    wanted = comparison.wanted(candidates)
    now = tables.get([*wanted, *(one.key for one in _of(found, "extra"))])
    writes: dict[str, Item | None] = {one.key: None for one in _of(found, "extra") if one.key in now}
    for one in candidates:
        item = wanted.get(one.key)
        if item is None:
            mended.left[one.key] = _no_item(one)
        elif split(one.key)[0] not in tables.names:
            mended.left[one.key] = "there is no table for the time at which it arrived: deploy the week's table first"
        elif one.key not in now or digest(now[one.key]) != digest(item):
            writes[one.key] = item

    limits: dict[str, RateLimit] = {}
    for name in {split(key)[0] for key in writes}:
        limits[name] = RateLimit(provisioned(tables.named(name).description, "WriteCapacityUnits"))

    def write(key: str) -> str | None:
        name, key_of_item = split(key)
        return _write(tables.named(name), key_of_item, writes[key], limits[name])

    with ThreadPoolExecutor(THREADS) as threads:
        for key, refused in zip(writes, threads.map(write, writes), strict=True):
            if refused is not None:
                mended.left[key] = refused
            elif writes[key] is None:
                mended.removed += 1
            else:
                mended.written += 1


def _no_item(candidate: Candidate) -> str:
    where = candidate.failed or candidate.one_place
    if candidate.one == NO_ITEM:
        return f"it can have no item, as its producer sent it ({where}): what is right has to be sent anew"
    return "neither the stream nor the on-failure bucket has it any more"


def _write(table: Table, key: str, item: Item | None, limit: RateLimit) -> str | None:
    """Put an item, or delete the one with this key; why the table refuses."""
    counted = {"TableName": table.name, "ReturnConsumedCapacity": "TOTAL"}
    try:
        if item is None:
            answer = table.dynamodb.delete_item({**counted, "Key": key_attributes(key, table.keys)})
        else:
            answer = table.dynamodb.put_item({**counted, "Item": item})
        limit.spend(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 1.0))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ValidationException":
            raise
        return f"`{table.name}` refuses it: {error.response['Error'].get('Message', '')}"
    return None


def _repair_lake(comparison: TablesWithLake, found: Found, functions: Functions, mended: Mended) -> None:
    function = functions[str(comparison.function)]
    keys = [one.key for one in _of(found, "missing", "differing", "failed")]
    _send(function, comparison.tables.find_placed(keys), mended)
    mended.left |= {one.key: LINES for one in _of(found, "extra")}


def _repair_clicks(comparison: TablesWithClicks, found: Found, functions: Functions, mended: Mended) -> None:
    function = functions[str(comparison.function)]
    notes = Notes(function.s3, function.failure_bucket)
    tables, clicks = comparison.tables, comparison.table
    with held(function.lambda_, *function.mapping_ids, notes=notes):
        places = {place for one in _of(found, "missing", "differing", "failed") for place in one.many.values() if place}
        _send(function, tables.get_placed(places), mended)
        extra = {one.key for one in _of(found, "extra")}
        now = clicks.get(extra)
        origins = {key: key_of(item, KEY_NAMES) for key, item in now.items() if has_key(item)}
        copied = tables.find(origins.values())
        for key, item in now.items():
            if comparison.click_key(copied.get(origins.get(key, ""), {})) != key and _remove_click(clicks, key, item):
                mended.removed += 1


def _remove_click(clicks: Table, key: str, item: Item) -> bool:
    """Delete a click, unless another one has its place by now."""
    names = [name for name in KEY_NAMES if name in item]
    request: dict[str, Any] = {"TableName": clicks.name, "Key": key_attributes(key, clicks.keys)}
    if names:
        request |= {
            "ConditionExpression": " AND ".join(f"#n{place} = :v{place}" for place in range(len(names))),
            "ExpressionAttributeNames": {f"#n{place}": name for place, name in enumerate(names)},
            "ExpressionAttributeValues": {f":v{place}": item[name] for place, name in enumerate(names)},
        }
    try:
        clicks.dynamodb.delete_item(request)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ConditionalCheckFailedException":
            raise
        return False
    return True


def _send(function: StreamFunction, items: Mapping[str, tuple[Table, Item]], mended: Mended) -> None:
    """Hand items to a function as if their tables' streams said them again; `items` are by key, with their tables."""
    by_table: dict[str, list[str]] = {}
    for key, (table, _) in items.items():
        by_table.setdefault(table.name, []).append(key)
    batches = [keys[start : start + BATCH] for keys in by_table.values() for start in range(0, len(keys), BATCH)]
    away: str | None = None
    for batch in batches:
        arn = str(items[batch[0]][0].description.get("LatestStreamArn"))
        records = [_record(arn, items[key][1], place) for place, key in enumerate(batch)]
        # When the far end is away, each invocation would wait for it as long as it may.
        applied = Applied(away, True, {}) if away else apply(function, arn, records)
        away = applied.reason if applied.outage else None
        stored = {key.rsplit("/", 1)[1].partition(".")[0]: why for key, why in applied.poisoned.items()}
        for key, record in zip(batch, records, strict=True):
            why = stored.get(record["dynamodb"]["SequenceNumber"], applied.reason)
            if why is None:
                mended.sent += 1
            else:
                mended.left[key] = f"`{function.name}`: {why}"


def _record(stream_arn: str, item: Item, place: int) -> dict[str, Any]:
    """A record of a table's stream as Lambda passes it; the sequence number is like none of the stream's.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html (example event)
    """
    return {
        "eventID": f"repair-{time.time_ns()}-{place}",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": stream_arn.split(":")[3],
        "eventSourceARN": stream_arn,
        "dynamodb": {
            "ApproximateCreationDateTime": time.time(),
            "Keys": {name: item[name] for name in KEY_NAMES},
            "NewImage": item,
            "SequenceNumber": f"{time.time_ns()}{place:06}",
            "SizeBytes": 1,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def _of(found: Found, *kinds: str) -> list[Candidate]:
    return [one for kind in kinds for one in found.get(kind, ())]
