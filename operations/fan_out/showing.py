"""What `tributary fanout list`, `describe` and `status` show of targets."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from handlers.fan_out.contract import WrongRowError
from handlers.fan_out.mapping import target_of
from handlers.fan_out.rows import Item, row_of, value_of
from operations.dialogue import Result
from operations.errors import OperationError
from operations.fan_out.backlogs import Backlogs, Behind
from operations.fan_out.options import AskedSource
from operations.fan_out.platform import Platform, Source, name_of
from operations.fan_out.redriving import counted
from operations.fan_out.rows import Rows


@dataclass(frozen=True)
class Shown:
    """A row with all that is known of it. `wrong` is what is wrong with it, `behind` None while its lane is direct,
    `kept` how many objects the on-failure bucket has of it."""

    item: Item
    wrong: str | None
    behind: Behind | None
    kept: int

    @property
    def id(self) -> str:
        """The target's id."""
        return str(self.item["id"]["S"])

    @property
    def lane(self) -> str:
        """The state of the lane, for people."""
        if self.behind is None:
            return "direct"
        return f"behind for {_duration(time.time() - self.behind.since_s)}, {self.behind.messages} messages"

    def as_json(self) -> dict[str, Any]:
        """All of it, for programs."""
        behind = self.behind
        return {
            **{name: value_of(attribute) for name, attribute in sorted(self.item.items())},
            "wrong": self.wrong,
            "lane": "direct" if behind is None else "behind",
            **({} if behind is None else {"behind": vars(behind)}),
            "kept": self.kept,
        }


def items(platform: Platform, asked: AskedSource) -> list[Item]:
    """The rows of the source that is named, or all when none is. Raises OperationError."""
    if not asked.given:
        return list(Rows(platform).all())
    return rows_of(platform, platform.source(asked.name, asked.arn, asked.service))


def rows_of(platform: Platform, source: Source) -> list[Item]:
    """The rows of a source."""
    return list(Rows(platform).of_source(source))


def item(platform: Platform, asked: AskedSource, target_id: str) -> Item:
    """The row of a target; its source need not be named where only one has it. Raises OperationError."""
    rows = Rows(platform)
    if asked.given:
        return rows.get(platform.source(asked.name, asked.arn, asked.service), target_id)
    found = [one for one in rows.all() if one["id"]["S"] == target_id]
    if len(found) == 1:
        return found[0]
    told = "several sources have such a target" if found else "there is no such target"
    raise OperationError(
        f"--id {target_id}: {told}. `tributary fanout list` shows all; name the source by --source and --source-type."
    )


def shown(platform: Platform, items: Iterable[Item]) -> list[Shown]:
    """Rows in the order of their sources and ids."""
    behind, kept = Backlogs(platform).behind(), counted(platform)
    return [
        Shown(item, wrong_with(item), _behind(platform, behind, item), kept[item["id"]["S"]])
        for item in sorted(items, key=lambda item: (item["sourceArn"]["S"], item["id"]["S"]))
    ]


def wrong_with(item: Item) -> str | None:
    """What is wrong with a row, None when nothing is."""
    try:
        target_of(row_of(item))
    except WrongRowError as wrong:
        return str(wrong)
    return None


def listed(rows: Sequence[Shown]) -> Result:
    """The table of `list`; it fails when a row is wrong."""
    wrong = [row for row in rows if row.wrong]
    lines = [_line(("source", "id", "type", "destination", "active", "lane", "kept")), *map(_row_line, rows)]
    lines += [f"wrong: {row.id} of {row.item['sourceArn']['S']}: {row.wrong}" for row in wrong]
    failed = (
        f"{len(wrong)} rows are wrong, and get nothing. `tributary fanout update` puts them right." if wrong else None
    )
    return Result({"targets": [row.as_json() for row in rows]}, "\n".join(lines) if rows else "No targets.", failed)


def described(row: Shown) -> Result:
    """All of one row."""
    found = row.as_json()
    width = max(map(len, found))
    lines = [
        f"{name:<{width}}  {value if isinstance(value, str) else json.dumps(value)}" for name, value in found.items()
    ]
    return Result(found, "\n".join(lines))


def status(platform: Platform, rows: Sequence[Shown], hooks: Mapping[str, str]) -> Result:
    """How targets are doing; `hooks` has the states of the sources' mappings, by ARN."""
    behind = [row for row in rows if row.behind]
    unhealthy = [row for row in rows if row.behind or row.kept or row.wrong]
    lines = [f"{source.name}: {_hooked(source, hooks)}" for source in platform.sources]
    lines += [f"{row.id} of {name_of(row.item['sourceArn']['S'])}: {_health(row)}" for row in rows]
    summary = {
        "sources": {source.name: hooks.get(source.arn) for source in platform.sources},
        "targets": [row.as_json() for row in rows],
        "behind": len(behind),
    }
    advice = (
        f"{len(unhealthy)} targets need a look: `tributary fanout describe --id …` shows one." if unhealthy else None
    )
    return Result(summary, "\n".join(lines), advice)


def _hooked(source: Source, hooks: Mapping[str, str]) -> str:
    state = hooks.get(source.arn)
    return f"hooked, {state}" if state else f"not hooked; `tributary fanout hook --source {source.name}`"


def _health(row: Shown) -> str:
    told = [row.lane if row.item.get("active", {}).get("BOOL") else f"inactive, {row.lane}"]
    if row.kept:
        told.append(f"{row.kept} objects in the on-failure bucket: `tributary fanout redrive --id {row.id}`")
    if row.wrong:
        told.append(f"wrong: {row.wrong}")
    return "; ".join(told)


def _row_line(row: Shown) -> str:
    said = (value_of(row.item.get(name, {"S": "?"})) for name in ("type", "destination", "active"))
    texts = (str(one).lower() if isinstance(one, bool) else str(one) for one in said)
    return _line(
        (name_of(row.item["sourceArn"]["S"]), row.id, *texts, "wrong" if row.wrong else row.lane, str(row.kept))
    )


_WIDTHS = (20, 20, 10, 50, 7, 40, 0)


def _line(cells: Sequence[str]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


def _duration(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )


def _behind(platform: Platform, behind: Mapping[tuple[str, str], Behind], item: Item) -> Behind | None:
    source = platform.source_of(item["sourceArn"]["S"])
    names = {one.partition("/consumer/")[0] for one in ((source.arn,) if source else ())}
    return next((found for name in names if (found := behind.get((name, item["id"]["S"])))), None)
