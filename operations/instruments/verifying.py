"""Says whether a replica is equal to its source, and waits for changes that are on their way.

A key is called different only when the source's item has stayed as it is for `settle_s` seconds while the replica's
was another: whatever was on its way has had that long to arrive.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operations.errors import OperationError
from operations.instruments.comparing import KEPT_KEYS, Comparison, Found, OnItems
from operations.instruments.failures import DAMAGE, Failures
from operations.instruments.items import differing_attributes, digest, key_attributes, key_of
from operations.instruments.patience import SHOWN, Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item
from operations.instruments.tables import Table

POLL_S = 0.5


@dataclass(frozen=True)
class Differing:
    """A key whose items differ, the names of the attributes that do, and both items."""

    key: str
    attributes: list[str]
    source: Item
    replica: Item


@dataclass
class Report:
    """What a verification found. `unsettled` keys kept changing for as long as it watched them.

    A comparison of exports has no segments.
    """

    items: tuple[int, int]
    segments: int
    differing_segments: int
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    differing: list[Differing] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    # Of the keys that are not equal those whose changes were given up, with the object that has them.
    failed: dict[str, str] = field(default_factory=dict)
    # Keys that differ beyond those that could be looked at one by one, and those of all that are kept.
    more: int = 0
    kept: list[str] = field(default_factory=list)
    seconds: float = 0.0
    read_units: float = 0.0

    @property
    def equal(self) -> bool:
        """Whether nothing differs, and nothing kept changing."""
        return not (self.missing or self.extra or self.differing or self.unsettled or self.more)

    def as_json(self, names: list[str], values: bool) -> dict[str, Any]:
        """The report for other programs; attribute values only when `values` asks for them."""

        def keys(texts: Iterable[str]) -> list[Item]:
            return [key_attributes(text, names) for text in texts]

        return {
            "equal": self.equal,
            "sourceItems": self.items[0],
            "replicaItems": self.items[1],
            "segments": self.segments,
            "differingSegments": self.differing_segments,
            "missing": keys(self.missing),
            "extra": keys(self.extra),
            "differing": [
                {"key": key_attributes(one.key, names), "attributes": one.attributes}
                | ({"source": one.source, "replica": one.replica} if values else {})
                for one in self.differing
            ],
            "unsettled": keys(self.unsettled),
            "failed": [{"key": key_attributes(key, names), "where": where} for key, where in self.failed.items()],
            "more": self.more,
            "seconds": round(self.seconds, 3),
            "readUnits": self.read_units,
        }


def summary(shown: Mapping[str, Any], far_end: str = "replica") -> str:
    """A report's JSON in a few lines: the counts, and the first keys of each kind; `far_end` is what it is called."""
    verdict = "Equal" if shown["equal"] else "Different"
    counts = f"{shown['sourceItems']} items in the source, {shown['replicaItems']} in the {far_end}"
    if shown["equal"] and shown["sourceItems"] != shown["replicaItems"]:
        counts += " when they were first read, and equal since"
    effort = (
        f"; {shown['differingSegments']} of {shown['segments']} segments read twice; {shown['readUnits']:g} read units"
        if shown["segments"]
        else ""
    )
    lines = [f"{verdict}: {counts}{effort}; {shown['seconds']:.1f} s."]
    for kind in ("missing", "extra", "differing", "unsettled", "failed"):
        if shown[kind]:
            lines.append(f"{len(shown[kind])} {kind}:")
            lines += [f"  {json.dumps(one, ensure_ascii=False)}" for one in shown[kind][:SHOWN]]
    if shown["more"]:
        lines.append(f"{shown['more']} more differ: too many to look at one by one.")
    return "\n".join(lines)


def _ignore(count: int) -> None:
    """The default for `on_items`: nobody watches."""


def verify(
    source: Table,
    replica: Table,
    patience: Patience,
    limit: RateLimit,
    on_items: OnItems = _ignore,
    segments: int | None = None,
) -> Report:
    """Compares the tables, then watches what differs. Raises OperationError when their keys are not the same."""
    require_same_keys(source, replica)
    began = patience.clock()
    found = _compare(Comparison(source, replica, limit, on_items, segments), patience)
    report = settled(source, replica, found, patience)
    report.seconds = patience.clock() - began
    report.read_units = limit.spent
    return report


def require_same_keys(source: Table, replica: Table) -> None:
    """Raise OperationError unless both tables have the same key attributes."""
    if source.keys != replica.keys:
        raise OperationError(
            f"`{source.name}` has the key {' and '.join(source.keys)}, `{replica.name}` has "
            f"{' and '.join(replica.keys)}: only tables with the same key can be compared. Name the right tables."
        )


def settled(source: Table, replica: Table, found: Found, patience: Patience) -> Report:
    """The report of a comparison, once the tables themselves confirm each key that it found different.

    However the comparison was made, a key is reported only as what it is in both tables now. When too many differ to
    look at one by one, the report has the first of them and how many more there are.
    """
    report = Report(found.items, found.segments, found.differing_segments)
    if found.total > KEPT_KEYS:
        report.missing, report.extra = found.missing[:SHOWN], found.extra[:SHOWN]
        report.more = found.total - len(report.missing) - len(report.extra)
        report.kept = found.keys
    elif found.total:
        _watch(source, replica, found.keys, patience, report)
    return report


def note_failed(report: Report, failures: Failures, names: Sequence[str]) -> list[str]:
    """Note which of the keys that are not equal were given up; what is foreign in the on-failure bucket, and why."""
    unequal = {*report.missing, *report.extra, *(one.key for one in report.differing), *report.kept}
    for failure in failures.new() if unequal else ():
        try:
            keys = [key_of(record["dynamodb"]["Keys"], names) for record in failure.records]
        except DAMAGE as wrong:
            failures.note_foreign(failure.where, f"it does not say what it changes ({wrong!r})")
            continue
        report.failed |= {key: failure.where for key in keys if key in unequal}
    return failures.foreign


def _compare(comparison: Comparison, patience: Patience) -> Found:
    """Compares until few keys differ, or until not fewer do than before: then nothing is on its way any more."""
    deadline = patience.clock() + patience.longest_s
    found = comparison.run()
    while found.total > KEPT_KEYS and patience.clock() < deadline:
        patience.sleep(patience.settle_s)
        before, found = found.total, comparison.run()
        if found.total >= before:
            break
    return found


def _watch(source: Table, replica: Table, keys: list[str], patience: Patience, report: Report) -> None:
    """Looks at single keys until each is equal, has settled as different, or time is up; notes them in the report."""
    began = patience.clock()
    # Key → when the source's item was first seen as it is, and its digest.
    since: dict[str, tuple[float, int | None]] = {}
    while keys:
        here, there, now = source.get(keys), replica.get(keys), patience.clock()
        open_keys = [key for key in keys if _digest(here.get(key)) != _digest(there.get(key))]
        keys = []
        for key in open_keys:
            current = _digest(here.get(key))
            seen = since.get(key)
            if seen is None or seen[1] != current:
                since[key] = seen = (now, current)
            if now - seen[0] >= patience.settle_s:
                _note(report, key, here.get(key), there.get(key))
            elif now - began >= patience.longest_s:
                report.unsettled.append(key)
            else:
                keys.append(key)
        if keys:
            patience.sleep(POLL_S)


def _digest(item: Item | None) -> int | None:
    return None if item is None else digest(item)


def _note(report: Report, key: str, here: Item | None, there: Item | None) -> None:
    if there is None:
        report.missing.append(key)
    elif here is None:
        report.extra.append(key)
    else:
        report.differing.append(Differing(key, differing_attributes(here, there), here, there))
