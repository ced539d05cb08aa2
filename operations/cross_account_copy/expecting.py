"""What a copy must hold for each record sent, said independently of the handlers that make it."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from operations.cross_account_copy.sending import Sent

# An item, or a line of the lake, in Python's types: numbers are Decimals, exact to the last digit.
Item = Mapping[str, Any]
Key = tuple[str, str]


def expected_item(sent: Sent) -> Item:
    """The item that the published architecture makes of one record: its fields but the empty ones, and its keys."""
    fields = parse(sent.record.data)
    return {name: value for name, value in fields.items() if value is not None and value != ""} | {
        "sequenceNumber": sent.sequence_number,
        "shardId": sent.shard_id,
        "seqNumbershardIdHash": f"{sent.sequence_number[-3:-1]}_{sent.shard_id}",
    }


def expected_items(sent: Iterable[Sent]) -> dict[Key, Item]:
    """Every item that the copy must hold, by key."""
    return by_key(map(expected_item, sent))


def parse(line: bytes | str) -> dict[str, Any]:
    """A JSON object with exact numbers."""
    found: dict[str, Any] = json.loads(line, parse_float=Decimal, parse_int=Decimal)
    return found


def by_key(items: Iterable[Item]) -> dict[Key, Item]:
    """The items by their key (hash, range); of two with one key the later one stays, as in the table."""
    return {(item["seqNumbershardIdHash"], item["sequenceNumber"]): item for item in items}
