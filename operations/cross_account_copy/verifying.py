"""Says whether a copy is equal to its source, and waits for what is on its way.

A key is called different only when it still differs after `settle_s` seconds in which no other key became equal: as
long as some arrive, the others may be behind them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operations.cross_account_copy.comparisons import (
    Comparison,
    Pair,
    StreamWithTables,
    TablesWithClicks,
    TablesWithLake,
    Watcher,
)
from operations.cross_account_copy.deployed import Ends
from operations.cross_account_copy.partitions import KEPT_KEYS, Candidate, Joined, join
from operations.cross_account_copy.tables import Tables
from operations.table_replica.items import differing_attributes
from operations.table_replica.rates import RateLimit
from operations.table_replica.verifying import SHOWN, Patience

POLL_S = 0.5
KINDS = ("missing", "extra", "differing", "failed", "unsettled")


@dataclass
class Section:
    """What one comparison found. `found` has by kind what is shown of each key; `more` keys differ beyond those.

    `flaws` tell what cannot be compared at all, and why.
    """

    source: str
    copy: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    found: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    flaws: Sequence[str] = ()
    more: int = 0

    @property
    def equal(self) -> bool:
        """Whether nothing differs, nothing failed, and nothing kept changing."""
        return not (any(self.found.values()) or self.flaws or self.more)

    def as_json(self) -> dict[str, Any]:
        """The section for other programs."""
        return {
            "equal": self.equal,
            "source": self.source,
            "copy": self.copy,
            **self.facts,
            **self.found,
            "unreadable": list(self.flaws),
            "more": self.more,
        }


@dataclass(frozen=True)
class Report:
    """What was found by each comparison, by its name."""

    sections: Mapping[str, Section]
    seconds: float
    read_units: float

    @property
    def equal(self) -> bool:
        """Whether nothing differs anywhere."""
        return all(section.equal for section in self.sections.values())

    def as_json(self) -> dict[str, Any]:
        """The report for other programs."""
        return {
            "equal": self.equal,
            **{name: section.as_json() for name, section in self.sections.items()},
            "seconds": round(self.seconds, 3),
            "readUnits": self.read_units,
        }

    def summary(self) -> str:
        """The report in a few lines: the counts, and the first keys of each kind."""
        lines = [line for section in self.sections.values() for line in _lines(section)]
        return "\n".join([*lines, f"{self.read_units:g} read units; {self.seconds:.1f} s."])


def comparisons(ends: Ends, limit: RateLimit, segments: int | None, folder: Path) -> list[Comparison]:
    """What can be compared of a copy. `folder` takes the temporary files."""
    source, target = ends.source, ends.target
    tables = Tables(target.tables, limit, segments)
    found: list[Comparison] = []
    if source is not None:
        found.append(StreamWithTables(source.stream, tables, source.labels, folder, source.failures))
    if target.lake is not None:
        found.append(TablesWithLake(tables, target.lake[0], folder, target.lake[1]))
    if target.clicks is not None:
        clicks, failures = target.clicks
        found.append(TablesWithClicks(tables, clicks, Tables([clicks], limit, segments), folder, failures))
    return found


def verify(
    compared: Iterable[Comparison], limit: RateLimit, patience: Patience, watch: Watcher, values: bool = False
) -> Report:
    """Makes the comparisons one after the other, each when what the one before waited for has arrived.

    `values` asks for the items that differ, beside the names of their attributes.
    """
    began = patience.clock()
    sections = {one.name: _section(one, patience, watch, values) for one in compared}
    return Report(sections, patience.clock() - began, limit.spent)


def _section(comparison: Comparison, patience: Patience, watch: Watcher, values: bool) -> Section:
    section = Section(comparison.source, comparison.copy)
    joined = _compare(comparison, patience, watch)
    if joined.total > KEPT_KEYS:
        found: dict[str, list[Candidate]] = {}
        for candidate in joined.candidates[:SHOWN]:
            found.setdefault(_kind(comparison, candidate), []).append(candidate)
        section.more = joined.total - SHOWN
    else:
        found = _watch(comparison, joined.candidates, patience)
    pairs = comparison.pairs(found.get("differing", []))
    for kind, candidates in found.items():
        for one in candidates:
            shown = _shown(comparison, one, kind)
            section.found[kind].append(shown | (_described(pairs[one.key], values) if kind == "differing" else {}))
    section.facts = {**comparison.facts(), **{kind: joined.counts[kind] for kind in ("duplicates", "superseded")}}
    section.flaws = comparison.flaws()
    return section


def _compare(comparison: Comparison, patience: Patience, watch: Watcher) -> Joined:
    """Compares until few keys differ, or until not fewer do than before: then nothing is on its way any more."""

    def compare() -> Joined:
        comparison.collect(watch)
        return join(comparison.one, comparison.many, comparison.failed)

    deadline = patience.clock() + patience.longest_s + comparison.settle_s
    joined = compare()
    while joined.total > KEPT_KEYS and patience.clock() < deadline:
        patience.sleep(patience.settle_s + comparison.settle_s)
        before, joined = joined.total, compare()
        if joined.total >= before:
            break
    return joined


def _watch(comparison: Comparison, candidates: Iterable[Candidate], patience: Patience) -> dict[str, list[Candidate]]:
    """Looks at single keys until each is equal, has failed, has settled as different, or time is up; by kind."""
    found: dict[str, list[Candidate]] = {kind: [] for kind in KINDS}
    remaining = {one.key: one for one in sorted(candidates, key=lambda one: one.key)}
    began = since = patience.clock()
    while remaining:
        comparison.refresh_failures(remaining)
        comparison.refresh(remaining)
        now, before = patience.clock(), len(remaining)
        remaining = {key: one for key, one in remaining.items() if not one.equal}
        found["failed"] += [one for one in remaining.values() if _kind(comparison, one) == "failed"]
        remaining = {key: one for key, one in remaining.items() if _kind(comparison, one) != "failed"}
        if len(remaining) < before:
            since = now
        if now - since >= patience.settle_s + comparison.settle_s:
            for one in remaining.values():
                found[_kind(comparison, one)].append(one)
            break
        if now - began >= patience.longest_s + comparison.settle_s:
            found["unsettled"] += remaining.values()
            break
        if remaining:
            patience.sleep(POLL_S)
    return found


def _kind(comparison: Comparison, candidate: Candidate) -> str:
    """What a key that is not equal is called."""
    if candidate.one is not None and candidate.many:
        return "differing"
    kind = comparison.many_is if candidate.one is None else comparison.one_is
    return "failed" if kind == "missing" and candidate.failed else kind


def _shown(comparison: Comparison, candidate: Candidate, kind: str) -> dict[str, Any]:
    """A key as the report has it, and where it is: the object of the on-failure bucket, a line, a shard or a table."""
    places = [candidate.failed] if kind == "failed" else [*candidate.many.values(), candidate.one_place]
    where = next(filter(None, places), None)
    return {**comparison.shown(candidate.key), **({"where": where} if where else {})}


def _described(pair: Pair, values: bool) -> dict[str, Any]:
    """The attributes that differ."""
    source, copy = pair
    return {
        "attributes": differing_attributes(source or {}, copy or {}),
        **({"sourceItem": source, "copyItem": copy} if values else {}),
    }


def _lines(section: Section) -> list[str]:
    facts = ", ".join(f"{value} {_words(name)}" for name, value in section.facts.items() if name != "from")
    since = f" since {section.facts['from']}" if "from" in section.facts else ""
    verdict = "Equal" if section.equal else "Different"
    lines = [f"{verdict}: {section.source}{since} and {section.copy}: {facts}."]
    named = {kind: [json.dumps(one, ensure_ascii=False) for one in found] for kind, found in section.found.items()}
    for kind, texts in {**named, "unreadable": section.flaws}.items():
        if texts:
            lines += [f"  {len(texts)} {kind}:", *(f"    {text}" for text in texts[:SHOWN])]
    if section.more:
        lines.append(f"  {section.more} more differ: too many to look at one by one.")
    return lines


def _words(name: str) -> str:
    """A name of JSON as words: `sourceItems` is `source items`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
