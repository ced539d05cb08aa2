"""Makes, changes and removes targets; each is checked before it is written."""

from collections.abc import Mapping
from typing import Any

from handlers.fan_out.rows import Item, item_of
from operations.dialogue import Dialogue, Result
from operations.errors import OperationError
from operations.fan_out import showing
from operations.fan_out.naming import full_name
from operations.fan_out.options import AskedRow, AskedSource
from operations.fan_out.platform import Platform, name_of
from operations.fan_out.reaching import check, on_the_way
from operations.fan_out.rows import Rows, checked, merged

# A change is in force within a minute (handlers.fan_out.mapping).
SOON = "in force within a minute"


def register(platform: Platform, asked: AskedSource, kind: str, target_id: str, row: AskedRow) -> str:
    """Write a new row. Returns what to tell. Raises OperationError."""
    source = platform.source(asked.name, asked.arn, asked.service)
    if row.destination is None:
        raise OperationError("--destination is missing: name the target's address.")
    role, region = row.options.get("role"), row.options.get("region")
    item = item_of(
        {
            "sourceArn": source.rows_arn,
            "id": target_id,
            "type": kind,
            "destination": full_name(platform, kind, row.destination, region, role, row.index),
            "active": False,
            **{name: value for name, value in row.options.items() if value != ""},
        }
    )
    target = checked(item)
    notes = check(platform, target)
    Rows(platform).new(target, item)
    state = SOON if target.row.active else f"not active; `tributary fanout activate` lets it get records, {SOON}"
    return "\n".join([*(f"note: {note}" for note in notes), f"Target {target_id} of {source.name}: {state}."])


def update(platform: Platform, asked: AskedSource, target_id: str, row: AskedRow) -> str:
    """Change a row. Returns what to tell. Raises OperationError."""
    rows = Rows(platform)
    before = showing.item(platform, asked, target_id)
    rows.refuse_declared(before)
    options = dict(row.options)
    if row.destination is not None:
        kind = before.get("type", {}).get("S", "")
        role = options.get("role", before.get("role", {}).get("S"))
        region = options.get("region") or before.get("region", {}).get("S")
        options["destination"] = full_name(platform, kind, row.destination, region, role or None, row.index)
    if not options:
        raise OperationError("nothing is to be changed: name an option; `tributary fanout update --help` lists them.")
    after = merged(before, options)
    notes = check(platform, checked(after))
    rows.change(before, after)
    changed = ", ".join(sorted(options))
    return "\n".join([*(f"note: {note}" for note in notes), f"Target {target_id}: {changed} changed, {SOON}."])


def switch(platform: Platform, asked: AskedSource, target_id: str, on: bool) -> str:
    """Activate or deactivate a target. Returns what to tell. Raises OperationError.

    A wrong row can be deactivated, and only one that can be followed activated.
    """
    before = showing.item(platform, asked, target_id)
    after = merged(before, {"active": on})
    if on:
        checked(after)
    Rows(platform).change(before, after)
    return f"Target {target_id} is {'active' if on else 'not active; what is in its backlog waits'}, {SOON}."


def unregister(platform: Platform, asked: AskedSource, target_id: str, dialogue: Dialogue) -> str:
    """Remove a row; asks when something waits for it. Returns what to tell. Raises OperationError."""
    item = showing.item(platform, asked, target_id)
    Rows(platform).refuse_declared(item)
    [row] = showing.shown(platform, [item])
    if row.behind is not None:
        dialogue.say(
            f"{row.behind.messages} messages wait for {target_id}; without a row they go to the on-failure bucket when "
            "they are a day old."
        )
        dialogue.confirm("Unregister?")
    Rows(platform).remove(item)
    return f"Target {target_id} of {name_of(item['sourceArn']['S'])} is unregistered, {SOON}."


def validate(platform: Platform, asked: AskedSource) -> Result:
    """Check rows as `register` does."""
    found = [_validated(platform, item) for item in _items(platform, asked)]
    wrong = [one for one in found if one["problem"]]
    lines = [f"{one['id']} of {name_of(one['sourceArn'])}: {one['problem'] or _right(one)}" for one in found]
    failed = f"{len(wrong)} of {len(found)} targets are wrong. `tributary fanout update` puts a target right."
    return Result({"targets": found}, "\n".join(lines) or "No targets.", failed if wrong else None)


def _validated(platform: Platform, item: Item) -> dict[str, Any]:
    problem = _problem(platform, item)
    notes = [] if problem else on_the_way(platform, checked(item))
    return {"sourceArn": item["sourceArn"]["S"], "id": item["id"]["S"], "problem": problem, "notes": notes}


def _right(one: Mapping[str, Any]) -> str:
    return "; ".join(["right", *one["notes"]])


def _items(platform: Platform, asked: AskedSource) -> list[Item]:
    return sorted(showing.items(platform, asked), key=lambda item: (item["sourceArn"]["S"], item["id"]["S"]))


def _problem(platform: Platform, item: Item) -> str | None:
    """What is wrong with a row, None when nothing is."""
    if platform.source_of(item["sourceArn"]["S"]) is None:
        return f"sourceArn: {item['sourceArn']['S']} is none of the sources of {platform.file}; put it under `sources`"
    if (wrong := showing.wrong_with(item)) is not None:
        return wrong
    try:
        check(platform, checked(item))
    except OperationError as refused:
        return str(refused)
    return None
