"""Says whether a copy is equal to its source, and waits for what is on its way.

A key is called different only when it still differs after `settle_s` seconds in which no other key became equal: as
long as some arrive, the others may be behind them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from operations.cross_account_copy.comparison import Comparison, Pair, Watcher
from operations.cross_account_copy.deployed import Ends
from operations.cross_account_copy.partitions import KEPT_KEYS, NO_ITEM, Candidate, Joined, join
from operations.cross_account_copy.report import KINDS, Report, Section
from operations.cross_account_copy.stream_with_tables import StreamWithTables
from operations.cross_account_copy.tables import Tables
from operations.cross_account_copy.tables_with_clicks import TablesWithClicks
from operations.cross_account_copy.tables_with_lake import TablesWithLake
from operations.instruments.items import differing_attributes
from operations.instruments.patience import SHOWN, Patience
from operations.instruments.rates import RateLimit

# How often single keys are looked at while a difference settles, but not more often than every 0.5 s.
LOOKS = 20
LEAST_POLL_S = 0.5
NO_LAKE = (
    "Not compared: the lake. It belongs to another project; `tributary verify` on the stack of the target compares it."
)


@dataclass(frozen=True)
class Compared:
    """What a comparison came to: what the report says of it, and the keys by kind, as many as are kept."""

    comparison: Comparison
    section: Section
    found: Mapping[str, Sequence[Candidate]]


def verify(
    ends: Ends,
    limit: RateLimit,
    patience: Patience,
    watch: Watcher,
    *,
    segments: int | None = None,
    values: bool = False,
) -> Report:
    """Makes the comparisons one after the other, each when what the one before waited for has arrived.

    `values` asks for the items that differ, beside the names of their attributes.
    """
    with compared(ends, limit, patience, watch, segments=segments, values=values) as (report, _):
        return report


@contextmanager
def compared(
    ends: Ends,
    limit: RateLimit,
    patience: Patience,
    watch: Watcher,
    *,
    segments: int | None = None,
    values: bool = False,
) -> Iterator[tuple[Report, list[Compared]]]:
    """The same, with the comparisons themselves for who has more to ask.

    While the block runs there are temporary files of some 200 bytes for each item of each side.
    """
    began = patience.clock()
    with TemporaryDirectory(prefix="tributary-verify-") as folder:
        all_of_them = comparisons(ends, Tables(ends.target.tables, limit, segments), Path(folder))
        results = [_compared(one, patience, watch, values) for one in all_of_them]
        sections = {one.comparison.name: one.section for one in results}
        left = [f"Left as it is: {place}" for one in results for place in one.comparison.left()]
        notes = [*dict.fromkeys(left), *([] if ends.target.lake else [NO_LAKE])]
        yield Report(sections, notes, patience.clock() - began, limit.spent), results


def comparisons(ends: Ends, tables: Tables, folder: Path) -> list[Comparison]:
    """What can be compared of a copy. `folder` takes the temporary files."""
    source, target = ends.source, ends.target
    found: list[Comparison] = []
    if source is not None:
        found.append(StreamWithTables(source.stream, tables, source.labels, folder, source.failures))
    if target.lake is not None:
        found.append(TablesWithLake(tables, target.lake[0], folder, target.lake[1]))
    if target.clicks is not None:
        found.append(TablesWithClicks(tables, target.clicks[0], folder, target.clicks[1]))
    return found


def _compared(comparison: Comparison, patience: Patience, watch: Watcher, values: bool) -> Compared:
    section = Section(comparison.source, comparison.copy)
    joined = _compare(comparison, patience, watch)
    if joined.total > KEPT_KEYS:
        found = _by_kind(comparison, joined.candidates)
        named = _by_kind(comparison, joined.candidates[:SHOWN])
        section.more = joined.total - SHOWN
    else:
        found = named = _watch(comparison, joined.candidates, patience)
    pairs = comparison.pairs(named.get("differing", []))
    for kind, candidates in named.items():
        for one in candidates:
            shown = _shown(comparison, one, kind)
            # What differed a moment ago may be gone by now.
            described = _described(pairs.get(one.key, (None, None)), values) if kind == "differing" else {}
            section.found[kind].append(shown | described)
    section.facts = {**comparison.facts(), **{kind: joined.counts[kind] for kind in ("duplicates", "superseded")}}
    section.foreign = comparison.foreign()
    return Compared(comparison, section, found)


def _by_kind(comparison: Comparison, candidates: Iterable[Candidate]) -> dict[str, list[Candidate]]:
    found: dict[str, list[Candidate]] = {}
    for one in candidates:
        found.setdefault(kind_of(comparison, one), []).append(one)
    return found


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
    settle_s = patience.settle_s + comparison.settle_s
    while remaining:
        comparison.refresh_failures(remaining)
        comparison.refresh(remaining)
        now, before = patience.clock(), len(remaining)
        remaining = {key: one for key, one in remaining.items() if not one.equal}
        found["failed"] += [one for one in remaining.values() if kind_of(comparison, one) == "failed"]
        remaining = {key: one for key, one in remaining.items() if kind_of(comparison, one) != "failed"}
        if len(remaining) < before:
            since = now
        if now - since >= settle_s:
            for one in remaining.values():
                found[kind_of(comparison, one)].append(one)
            break
        if now - began >= patience.longest_s + comparison.settle_s:
            found["unsettled"] += remaining.values()
            break
        if remaining:
            patience.sleep(max(LEAST_POLL_S, settle_s / LOOKS))
    return found


def kind_of(comparison: Comparison, candidate: Candidate) -> str:
    """What a key that is not equal is called."""
    if candidate.one is not None and candidate.many:
        return "differing"
    if candidate.one == NO_ITEM:
        return "failed"
    kind = comparison.many_is if candidate.one is None else comparison.one_is
    return "failed" if kind == "missing" and candidate.failed else kind


def _shown(comparison: Comparison, candidate: Candidate, kind: str) -> dict[str, Any]:
    """A key as the report has it, and where it is: the object of the on-failure bucket, a line, a shard or a table."""
    seen = [] if kind == "failed" else candidate.many.values()
    places = [candidate.failed if kind == "failed" else None, *seen, candidate.one_place]
    where = next(filter(None, places), None)
    return {**comparison.shown(candidate.key), **({"where": where} if where else {})}


def _described(pair: Pair, values: bool) -> dict[str, Any]:
    """The attributes that differ."""
    source, copy = pair
    return {
        "attributes": differing_attributes(source or {}, copy or {}),
        **({"sourceItem": source, "copyItem": copy} if values else {}),
    }
