"""Says whether what a lake has is what its table has, and waits for changes that are on their way.

Both are read whole: the table by a scan, the lake by one query. What differs then is looked at again after `settle_s`
seconds, until the table's item was the same at both looks and the lake's was another, or they are equal. That has to be
longer than a change is on its way.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

from handlers.lake_transformer.rules import Rule, redacted_item
from handlers.lake_transformer.settings import Settings
from operations.data_lake.comparing import compare
from operations.data_lake.deployed import Way
from operations.data_lake.latest_rows import LatestRows
from operations.errors import OperationError
from operations.instruments.comparing import KEPT_KEYS, Found, OnItems
from operations.instruments.items import differing_attributes, digest, key_of
from operations.instruments.patience import SHOWN, Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item
from operations.instruments.tables import Table
from operations.instruments.verifying import Differing, Report

Rules = Mapping[str, Rule]
# Reads the lake as it is when it is entered.
Lake = Callable[[], AbstractContextManager[LatestRows]]


def rules_of(way: Way) -> Rules:
    """What the deployed function leaves out or hashes. Raises OperationError when it is somebody's own."""
    if way.settings.transform.handler is not None:
        raise OperationError(
            f"stack `{way.at.stack.name}` transforms changes by its own handler, whose rows this command cannot read. "
            "Compare by `tributary query`."
        )
    name = str(way.at.outputs["transformName"])
    configuration = way.at.client("lambda").get_function_configuration(FunctionName=name)
    return Settings.from_environment(configuration.get("Environment", {}).get("Variables", {})).rules


def verify(
    table: Table, lake: Lake, rules: Rules, patience: Patience, limit: RateLimit, on_items: OnItems = lambda _: None
) -> Report:
    """Compares table and lake. Raises OperationError, and what the calls raise."""
    began = patience.clock()

    def scanned() -> Iterator[tuple[str, int]]:
        for page, _ in table.pages(0, 1, limit):
            on_items(len(page))
            for item in page:
                yield key_of(item, table.keys), digest(redacted_item(item, rules))

    with lake() as rows:
        found = compare(scanned, rows.digests)
    report = settled(table, lake, rules, found, patience)
    report.seconds = patience.clock() - began
    report.read_units = limit.spent
    return report


def settled(
    table: Table, lake: Lake, rules: Rules, found: Found, patience: Patience, most_keys: int = KEPT_KEYS
) -> Report:
    """The report of a comparison, once table and lake confirm each key that it found different.

    When more than `most_keys` differ, the report has the first of them and how many more there are.
    """
    report = Report(found.items, found.segments, found.differing_segments)
    if found.total > most_keys:
        report.missing, report.extra = found.missing[:SHOWN], found.extra[:SHOWN]
        report.more = found.total - len(report.missing) - len(report.extra)
    else:
        _settle(table, lake, rules, found.keys, patience, report)
    return report


def _settle(table: Table, lake: Lake, rules: Rules, keys: list[str], patience: Patience, report: Report) -> None:
    """Look at keys again until each is equal, has settled as different, or time is up; note them in the report."""
    deadline = patience.clock() + patience.longest_s
    before: dict[str, Item] | None = None
    while keys:
        here = {key: redacted_item(item, rules) for key, item in table.get(keys).items()}
        with lake() as rows:
            there = rows.get(keys)
        keys = [key for key in keys if not _same(here.get(key), there.get(key))]
        still = [key for key in keys if before is not None and _same(before.get(key), here.get(key))]
        for key in still:
            _note(report, key, here.get(key), there.get(key))
        keys = [key for key in keys if key not in set(still)]
        if keys and patience.clock() >= deadline:
            report.unsettled += keys
            return
        before = here
        if keys:
            patience.sleep(patience.settle_s)


def _same(one: Item | None, other: Item | None) -> bool:
    return (one is None and other is None) or (one is not None and other is not None and digest(one) == digest(other))


def _note(report: Report, key: str, here: Item | None, there: Item | None) -> None:
    if there is None:
        report.missing.append(key)
    elif here is None:
        report.extra.append(key)
    else:
        report.differing.append(Differing(key, differing_attributes(here, there), here, there))
