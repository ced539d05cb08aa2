"""Looks at the targets of a fan-out platform: which are behind and by how much, what failed, which rows are wrong."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from handlers.fan_out.contract import WrongRowError
from handlers.fan_out.failures import TARGETS_PREFIX
from handlers.fan_out.lanes import LaneId
from handlers.fan_out.lanes_table import LanesTable
from handlers.fan_out.mapping import rows_under, target_of
from handlers.fan_out.rows import Item, row_of
from operations.fan_out.backlogs import MOST_ENTRIES, BotoCalls
from operations.status.findings import Finding, Place, Resource

# Names of objects that are read to count them: ten calls.
MOST_LISTED = 10_000
# A backlog that is younger is worked off just now.
YOUNG_S = 60.0


@dataclass(frozen=True)
class Target:
    """`behind_s` is for how long it has been behind, None while it is direct; `messages` of `size_bytes` wait for it.

    `kept` counts its objects in the on-failure bucket; `wrong` says what is wrong with its row. `drainer` is the name
    of the function that works off its backlog.
    """

    instance: str
    source: str
    id: str
    active: bool
    behind_s: float | None
    messages: int
    size_bytes: int
    kept: int
    wrong: str | None
    drainer: str


def look(place: Place, resources: Sequence[Resource]) -> list[Target]:
    """Raises ClientError."""
    return [target for resource in resources for target in _targets(place, resource)]


def _targets(place: Place, resource: Resource) -> Iterator[Target]:
    outputs, dynamodb = resource.outputs, place.client("dynamodb")
    pages = dynamodb.get_paginator("scan").paginate(TableName=outputs["targetsTableName"])
    rows = {(item["sourceArn"]["S"], item["id"]["S"]): item for page in pages for item in page["Items"]}
    table = LanesTable(outputs["lanesTableName"], BotoCalls(dynamodb))
    behind: dict[tuple[str, str], list[tuple[LaneId, float]]] = defaultdict(list)
    for lane, since_s in table.behind():
        own = [(arn, lane.target) for arn in rows_under(lane.source)]
        behind[next((name for name in own if name in rows), own[0])].append((lane, since_s))
    kept = _kept(place.client("s3"), outputs["failureBucketName"])
    of_rows = {target_id for _, target_id in rows}
    gone = [("", target_id) for target_id in kept if target_id not in of_rows]
    for name in sorted({*rows, *behind, *gone}):
        yield _target(resource, name, rows.get(name), table, behind.get(name, ()), kept)


def _target(
    resource: Resource,
    name: tuple[str, str],
    item: Item | None,
    table: LanesTable,
    lanes: Sequence[tuple[LaneId, float]],
    kept: Mapping[str, int],
) -> Target:
    source_arn, target_id = name
    entries = [entry for lane, _ in lanes for entry in table.entries(lane, MOST_ENTRIES)]
    return Target(
        instance=resource.instance,
        source=source_arn.rpartition(":")[2],
        id=target_id,
        active=bool(item and item.get("active", {}).get("BOOL")),
        behind_s=time.time() - min(since_s for _, since_s in lanes) if lanes else None,
        messages=sum(entry.messages for entry in entries),
        size_bytes=sum(entry.size_bytes for entry in entries),
        kept=kept.get(target_id, 0),
        wrong="its row is gone" if item is None else _wrong_with(item),
        drainer=str(resource.outputs["drainerName"]),
    )


def _wrong_with(item: Item) -> str | None:
    try:
        target_of(row_of(item))
    except WrongRowError as wrong:
        return str(wrong)
    return None


def _kept(s3: Any, bucket: str) -> Counter[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=TARGETS_PREFIX)
    keys: Iterable[str] = (entry["Key"] for page in pages for entry in page.get("Contents", []))
    return Counter(key.split("/")[1] for key in islice(keys, MOST_LISTED))


def decide(place: Place, target: Target) -> Iterator[Finding]:
    """What needs a person."""

    def finding(problem: str, following: str) -> Finding:
        return Finding(target.instance, f"target {target.id}", problem, following)

    if target.wrong is not None:
        yield finding(
            f"{target.wrong}, so that it gets nothing", f"`tributary fanout describe --id {target.id}` shows it"
        )
    if target.behind_s is not None and not target.active:
        yield finding(
            f"it is not active, and {target.messages} messages wait for it",
            f"`tributary fanout activate --id {target.id}` has them delivered",
        )
    elif target.behind_s is not None and target.behind_s > YOUNG_S:
        yield finding(
            f"it is behind for {target.behind_s:.0f} s: {target.messages} messages wait",
            f"{place.aws(f'logs tail /aws/lambda/{target.drainer} --since 15m')} says why; they go on by themselves",
        )
    if target.kept:
        yield finding(
            f"{target.kept} objects that it never took wait in the on-failure bucket",
            f"each says why; {place.verb('redrive', target.instance)} delivers them once that is put right",
        )


def line(target: Target) -> str:
    """What was seen, in a line."""
    lane = "direct" if target.behind_s is None else f"behind for {target.behind_s:.0f} s"
    waiting = f", {target.messages} messages ({target.size_bytes} bytes) waiting" if target.behind_s is not None else ""
    return (
        f"{target.id} of {target.source}: {'' if target.active else 'not active, '}{lane}{waiting}, kept: {target.kept}"
    )
