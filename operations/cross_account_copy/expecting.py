"""What a copy must hold for each record of its stream, said independently of the handlers that make it.

Only the taking apart of aggregates is theirs: it is proved record by record against AWS's own library.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from components.cross_account_copy.settings import OLDER, TABLE
from handlers.shared.kpl import is_aggregate, take_apart
from operations.cross_account_copy.sending import Sent
from operations.instruments import limits, raw

# An item, or a line of the lake, in Python's types: numbers are Decimals, exact to the last digit.
Item = Mapping[str, Any]
Key = tuple[str, str]
KEY_NAMES = ("seqNumbershardIdHash", "sequenceNumber")
# Stands for the table of a record that does not say when it arrived.
NO_WEEK = "no-time-of-arrival"
# Since 1970: what a calendar has years for.
MOST_SECONDS = 1e11


@dataclass(frozen=True)
class StreamRecord:
    """A record as a stream or an on-failure bucket has it; `arrival_s` in seconds since 1970, where that is known.

    `place` is the place in its aggregate of a record that was taken out of one.
    """

    shard_id: str
    sequence_number: str
    arrival_s: float | None
    data: bytes
    place: int | None = None


@dataclass(frozen=True)
class Expected:
    """What must become of a record: its item in DynamoDB JSON, None where it can have none; then `why`."""

    key: Key
    item: raw.Item | None
    why: str = ""


def expected_item(sent: Sent) -> Item:
    """The item that the published architecture makes of one record: its fields but the empty ones, and its keys."""
    return _item(sent.record.data, sent.shard_id, sent.sequence_number)


def expected_items(sent: Iterable[Sent]) -> dict[Key, Item]:
    """Every item that the copy must hold, by key."""
    return by_key(map(expected_item, sent))


def items_of(record: StreamRecord) -> Iterator[Expected]:
    """What must become of a record, or of each record of an aggregate, whatever it holds."""
    number = record.sequence_number
    partition_key = hash_of(record.shard_id, number)
    suffix = "" if record.place is None else f".{record.place:07}"
    payloads = {suffix: record.data}
    try:
        if record.place is None and is_aggregate(record.data):
            payloads = {f".{place:07}": data for place, data in enumerate(take_apart(record.data).payloads)}
    except ValueError as wrong:
        yield Expected((partition_key, number), None, str(wrong))
        return
    for suffix, data in payloads.items():
        key = (partition_key, number + suffix)
        try:
            fields = _item(data, record.shard_id, number, suffix)
            limits.check(fields)
            yield Expected(key, typed_item(fields))
        except (ValueError, ArithmeticError, RecursionError) as wrong:
            yield Expected(key, None, reason_of(wrong))


def table_of(tables: Mapping[str, str], arrival_s: float | None) -> str:
    """The table that a record must be in, by its time of arrival; the week's name where the week has no table.

    `tables` are by label: one for all, or one for each ISO week (UTC) and one for what arrived before them.
    """
    if TABLE in tables:
        return tables[TABLE]
    if arrival_s is None or not 0 <= arrival_s < MOST_SECONDS:
        return NO_WEEK
    year, week, _ = datetime.fromtimestamp(arrival_s, UTC).isocalendar()
    label = f"{year}-W{week:02}"
    older = label < min(name for name in tables if name != OLDER)
    return tables[OLDER] if older else tables.get(label, label)


def hash_of(shard_id: str, sequence_number: str) -> str:
    """The partition key of what becomes of a record."""
    return f"{sequence_number[-3:-1]}_{shard_id}"


def typed(value: Any) -> Mapping[str, Any]:
    """A value of JSON as DynamoDB has it. Numbers must be Decimals."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case Decimal():
            return {"N": str(value)}
        case list():
            return {"L": [typed(element) for element in value]}
    return {"M": typed_item(value)}


def typed_item(item: Item) -> raw.Item:
    """An item, or a line of the lake, in DynamoDB JSON."""
    return {name: typed(value) for name, value in item.items()}


def parse(line: bytes | str) -> dict[str, Any]:
    """A JSON object in UTF-8 with exact numbers. Raises ValueError, or ArithmeticError for an absurd number."""
    text = line.decode() if isinstance(line, bytes) else line
    found = json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number)
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found


def by_key(items: Iterable[Item]) -> dict[Key, Item]:
    """The items by their key (hash, range); of two with one key the later one stays, as in the table."""
    return {(item["seqNumbershardIdHash"], item["sequenceNumber"]): item for item in items}


def reason_of(wrong: Exception) -> str:
    """Why something cannot be read, or be an item; nothing of it is quoted."""
    if isinstance(wrong, RecursionError):
        return "it is nested far too deeply"
    if isinstance(wrong, UnicodeDecodeError):
        return "it is not UTF-8"
    if isinstance(wrong, json.JSONDecodeError):
        return f"it is not JSON: {wrong}"
    return "it has an absurd number" if isinstance(wrong, ArithmeticError) else str(wrong)


def _item(data: bytes, shard_id: str, sequence_number: str, suffix: str = "") -> Item:
    # A byte order mark may be passed over. https://www.rfc-editor.org/rfc/rfc8259#section-8.1
    fields = parse(data.decode().removeprefix("\ufeff"))
    return {name: value for name, value in fields.items() if value is not None and value != ""} | {
        "sequenceNumber": sequence_number + suffix,
        "shardId": shard_id,
        "seqNumbershardIdHash": hash_of(shard_id, sequence_number),
    }


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
