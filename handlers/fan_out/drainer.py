"""The entry point of the function that works off the backlogs.

{"drain": {"source", "target", "shard"}}   drains a target of a source; `shard` names a lane that the index may not
                                            show yet, or is empty
any other, as EventBridge sends it          sweeps: invokes itself for each target that is behind
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

from handlers.fan_out.assembly import Assembly
from handlers.fan_out.draining import Waiting, drain
from handlers.fan_out.lanes import LaneId
from handlers.fan_out.reporting import counted, log_target
from handlers.fan_out.routes import Route
from handlers.fan_out.serving import patiently
from handlers.fan_out.settings import Settings
from handlers.shared.clients import READ_TIMEOUT_S
from handlers.shared.report import log_line
from handlers.shared.time_budget import LambdaContext, TimeBudget

SETTINGS = Settings.from_environment(os.environ)


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, object]:
    """Drains or sweeps, as the event says; what it did. Raises what botocore raises when it could not."""
    budget = TimeBudget(context.get_remaining_time_in_millis)
    if "drain" in event:
        asked = event["drain"]
        hint = LaneId(asked["source"], asked["shard"], asked["target"]) if asked.get("shard") else None
        return _drain(asked["source"], asked["target"], hint, budget)
    return _sweep(budget)


def _drain(source: str, target: str, hint: LaneId | None, budget: TimeBudget) -> dict[str, object]:
    def lookup() -> Route | Waiting | None:
        targets = patiently(lambda: _assembly().mapping.targets(source), budget)
        found = next((one for one in targets.rows if one.row.id == target), None)
        if found is not None:
            return _assembly().routes([found])[0] if found.row.active else Waiting()
        # A row that is wrong just now is not gone.
        return Waiting() if any(row.id == target for row in targets.wrong) else None

    drained = drain(source, target, hint, lookup, _assembly().platform, budget)
    counts = counted(
        Delivered=drained.delivered,
        Retried=drained.retried,
        Poisoned=drained.poisoned,
        Undelivered=drained.undelivered,
    )
    said: dict[str, object] = {"calls": drained.calls, "released": drained.released, "more": drained.more}
    if drained.reason:
        said["reason"] = drained.reason
    if drained.missing:
        said["missing"] = drained.missing
    level = "ERROR" if drained.missing or drained.undelivered or drained.poisoned else "INFO"
    log_line(counts, {"FunctionName": SETTINGS.function}, {"target": target, "source": source, "level": level, **said})
    log_target(SETTINGS.function, target, counts, {})
    if drained.more:
        _assembly().nudge(hint or LaneId(source, "", target))
    return {**{name: number for name, (number, _) in counts.items()}, **said}


def _sweep(budget: TimeBudget) -> dict[str, object]:
    """Wakes a drainer for each target that is behind, and tells how long each has been so."""
    backlog = _assembly().platform.backlog
    since_s: dict[tuple[str, str], float] = defaultdict(backlog.clock)
    for lane, at_s in patiently(lambda: list(backlog.lanes.behind()), budget):
        since_s[lane.source, lane.target] = min(since_s[lane.source, lane.target], at_s)
    ages_s = {behind: max(0.0, backlog.clock() - at_s) for behind, at_s in since_s.items()}
    for (source, target), age_s in ages_s.items():
        _assembly().nudge(LaneId(source, "", target))
        log_target(SETTINGS.function, target, {"BehindAge": (round(age_s, 1), "Seconds")}, {"source": source})
    oldest_s = max(ages_s.values(), default=0.0)
    log_line(
        {"BehindAge": (round(oldest_s, 1), "Seconds")}, {"FunctionName": SETTINGS.function}, {"behind": len(ages_s)}
    )
    return {"behind": len(ages_s), "oldestSeconds": round(oldest_s, 1)}


# Made at the first use and kept for the invocations that follow in this sandbox.
@cache
def _assembly() -> Assembly:
    return Assembly(SETTINGS, READ_TIMEOUT_S)
