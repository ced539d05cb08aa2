"""Applies failed records again, in order, through the function that could not apply them.

What succeeds now is moved under `redriven/`; what fails again stays where it is, with the function's reason. A record
that the function stores as poison once more has failed again, though the function says that it is done with it.

What a function does with a record says by what rule that is safe (`Rule`): records may be applied as they are where an
older one never overwrites a newer one. Elsewhere each is brought up to date first, and the stream is held meanwhile:
what is written to the source after that waits in the stream and comes when the hold ends.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from operations.instruments.failures import DAMAGE, LAMBDA_PREFIX, Failures, Record, fetch
from operations.instruments.functions import StreamFunction, apply, belongs, poison_key
from operations.instruments.holding import Notes, held
from operations.instruments.items import key_of
from operations.instruments.raw import Item
from operations.instruments.tables import Table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ARCHIVE_PREFIX = "redriven/"
BEHIND = "it changes what an earlier one changes that failed again; redrive that one first"
AWAY = "not tried: the far end is away"

# Brings records of a stream with this ARN up to date. Raises LookupError when it cannot be.
Refresh = Callable[[str, Sequence[Record]], Sequence[Record]]


@dataclass(frozen=True)
class Rule:
    """How a function's failed records may be applied again.

    `changes` says what a record changes: while a record that failed again changes it, later ones wait. None where
    records have nothing to do with each other. `refresh` brings records up to date; the stream is held then.
    """

    changes: Callable[[Record], str] | None = None
    refresh: Refresh | None = None


@dataclass(frozen=True)
class Waiting:
    """An object that waits to be redriven; what it holds is read again when it is its turn."""

    object_key: str
    function: str
    place: tuple[str, int, int]
    records: int


@dataclass(frozen=True)
class Outcome:
    """What became of an object: `reason` is None when its records are applied, but for those of `poisoned`.

    Those are objects of their own now, by name with the reasons.
    """

    waiting: Waiting
    reason: str | None
    poisoned: dict[str, str]

    @property
    def applied(self) -> bool:
        """Whether nothing of it failed again."""
        return self.reason is None and not self.poisoned


def waiting(s3: "S3Client", bucket: str, functions: Iterable[str]) -> tuple[list[Waiting], list[str]]:
    """What waits for these functions, in the order of its records, and what is foreign in the bucket."""
    failures, names = Failures(s3, bucket), set(functions)
    found: list[Waiting] = []
    for one in failures.new():
        if one.function in names:
            found.append(Waiting(one.object_key, one.function, one.place, len(one.records)))
        else:
            failures.note_foreign(one.where, f"it is of a function `{one.function}`, which this instance does not have")
    return sorted(found, key=lambda one: one.place), failures.foreign


def redrive(
    function: StreamFunction, rule: Rule, found: Sequence[Waiting], on_outcome: Callable[[Outcome], None]
) -> list[Outcome]:
    """Apply what waits for a function, in order."""
    outcomes: list[Outcome] = []
    # What failed records change: a later one must not overtake them.
    stuck: set[str] = set()
    away = False
    notes = Notes(function.s3, function.failure_bucket)
    with nullcontext() if rule.refresh is None else held(function.lambda_, *function.mapping_ids, notes=notes):
        for one in found:
            if away:
                outcome = Outcome(one, AWAY, {})
            else:
                outcome, away = _redriven(function, rule, one, stuck)
            outcomes.append(outcome)
            on_outcome(outcome)
    return outcomes


def refreshed(records: Sequence[Record], source: Table) -> list[Record]:
    """The records of a table's stream with the items that the table has now: of each item a change, or its removal."""
    last = {item_key(record): record for record in records}
    keys = {text: record["dynamodb"]["Keys"] for text, record in last.items()}
    names = source.keys
    now = source.get(key_of(key, names) for key in keys.values())
    return [_updated(record, now.get(key_of(keys[text], names))) for text, record in last.items()]


def item_key(record: Record) -> str:
    """The key of the item that a record of a table's stream changes."""
    return key_of(record["dynamodb"]["Keys"], sorted(record["dynamodb"]["Keys"]))


def _redriven(function: StreamFunction, rule: Rule, one: Waiting, stuck: set[str]) -> tuple[Outcome, bool]:
    """Apply one object; whether the far end is away."""
    failure = fetch(function.s3, function.failure_bucket, one.object_key)
    if failure is None:
        return Outcome(one, "it is gone", {}), False
    changed = {change for record in failure.records for change in _changes(rule, record)}
    if changed & stuck:
        stuck |= changed
        return Outcome(one, BEHIND, {}), False
    try:
        records = rule.refresh(failure.source_arn, failure.records) if rule.refresh else failure.records
    except DAMAGE as wrong:
        stuck |= changed
        told = str(wrong.args[0]) if type(wrong) is LookupError else f"it does not say what it changes ({wrong!r})"
        return Outcome(one, told, {}), False
    applied = apply(function, failure.source_arn, records)
    poisoned = dict(applied.poisoned)
    reason = applied.reason if one.object_key not in poisoned else poisoned.pop(one.object_key)
    if reason is not None:
        stuck |= changed
    else:
        names = [(poison_key(function.name, failure.source_arn, record), record) for record in failure.records]
        left = [record for name, record in names if any(belongs(stored, name) for stored in poisoned)]
        stuck |= {change for record in left for change in _changes(rule, record)}
        archive(function.s3, function.failure_bucket, one.object_key)
    return Outcome(one, reason, poisoned), applied.outage


def _changes(rule: Rule, record: Record) -> set[str]:
    """What a record changes, as far as it says so."""
    try:
        return set() if rule.changes is None else {rule.changes(record)}
    except DAMAGE:
        return set()


def _updated(record: Record, item: Item | None) -> Record:
    stream = {name: value for name, value in record["dynamodb"].items() if name not in ("NewImage", "OldImage")}
    if item is None:
        return {**record, "eventName": "REMOVE", "dynamodb": stream}
    return {**record, "eventName": "MODIFY", "dynamodb": {**stream, "NewImage": item}}


def archive(s3: "S3Client", bucket: str, key: str) -> None:
    """Put an object that is redriven aside."""
    s3.copy_object(
        Bucket=bucket,
        Key=f"{ARCHIVE_PREFIX}{key.removeprefix(LAMBDA_PREFIX)}",
        CopySource={"Bucket": bucket, "Key": key},
    )
    s3.delete_object(Bucket=bucket, Key=key)
