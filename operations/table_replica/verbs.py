"""What is peculiar to a table replica when a verb works on it."""

from collections.abc import Iterator

from components.table_replica.settings import ExistingSource, ReplicaSettings
from operations import dead_streams, redriving
from operations.asked import BackfillAsked, ComparingAsked, Where
from operations.dialogue import Dialogue, Result
from operations.errors import StackError
from operations.instances import Instance
from operations.instruments import verifying
from operations.instruments.failures import Failures
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.redriving import Rule, item_key, refreshed
from operations.instruments.verifying import Report
from operations.table_replica import deployed, repairing
from operations.table_replica.athena import Comparison
from operations.table_replica.backfill_command import backfill as copy_rows
from operations.table_replica.deployed import Replica
from operations.table_replica.repairing import Mended


def verify(at: Instance, asked: ComparingAsked, dialogue: Dialogue) -> Result:
    """Compare replica and source."""
    found = _find(at, asked)
    report = (
        _by_athena(found, at, asked, dialogue) if asked.where is Where.ATHENA else _by_scans(found, asked, dialogue)
    )
    return _verdict(at, found, report, asked.values)


def repair(at: Instance, asked: ComparingAsked, dialogue: Dialogue) -> Result:
    """Show what differs and, after asking, make the replica equal to its source."""
    found = _find(at, asked)
    report = _by_scans(found, asked, dialogue)
    verdict = _verdict(at, found, report, asked.values)
    if report.equal:
        return Result({"found": verdict.shown, **Mended().as_json(found.source.keys)}, verdict.text, verdict.failed)
    dialogue.say(verdict.text)
    for line in repairing.intention(found, report):
        dialogue.say(line)
    dialogue.confirm("Repair?")
    settings = at.settings
    assert isinstance(settings, ReplicaSettings)
    mended = repairing.repair(found, report, lambda: _by_scans(found, asked, dialogue), settings.tombstone_days)
    wrong = [*mended.told(), *_streams(at, found)]
    return Result(
        {"found": verdict.shown, **mended.as_json(found.source.keys)},
        f"{mended.written} written, {mended.removed} removed, {mended.settled} had become equal. "
        f"`tributary verify {at.stack.name}` compares all.",
        " ".join(wrong) or None,
    )


def redrive(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Apply failed changes again.

    A guarded replica takes them as they are: an older change never overwrites a newer one. For one that is not guarded
    the items get what the source has now.
    """
    found = deployed.find(at.engine, at.stack.name, at.name)
    if found.positions_table is not None:
        return redriving.run(at, {found.function: Rule(item_key)}, dialogue)
    rule = Rule(item_key, lambda _, records: refreshed(records, found.source))
    return redriving.run(at, {found.function: rule}, dialogue)


def backfill(at: Instance, asked: BackfillAsked, dialogue: Dialogue) -> Result:
    """Copy what the source had before its stream."""
    return copy_rows(at, asked, dialogue)


def _find(at: Instance, asked: ComparingAsked) -> Replica:
    if asked.since is not None:
        raise StackError(
            f"`{at.name}` of stack `{at.stack.name}` has no stream whose records could be compared from a time on. "
            "Leave out `--since`, or name the stack that holds a Kinesis stream."
        )
    return deployed.find(
        at.engine, at.stack.name, at.name, replica_role=asked.far_role, replica_profile=asked.far_profile
    )


def _by_scans(found: Replica, asked: ComparingAsked, dialogue: Dialogue) -> Report:
    with dialogue.progress() as progress:
        task = progress.add_task("Comparing", total=found.source.item_count + found.replica.item_count)
        return verifying.verify(
            found.source,
            found.replica,
            Patience(settle_s=asked.settle_s, longest_s=asked.longest_s),
            RateLimit(asked.read_units),
            lambda count: progress.advance(task, count),
            asked.segments,
        )


def _by_athena(found: Replica, at: Instance, asked: ComparingAsked, dialogue: Dialogue) -> Report:
    bulk = deployed.required_bulk(found, at.stack.name)
    comparison = Comparison(found, bulk, Patience(settle_s=asked.settle_s, longest_s=asked.longest_s))
    dialogue.say(comparison.intention())
    dialogue.confirm("Compare?")
    with dialogue.progress() as progress:
        task = progress.add_task("Comparing", total=None)
        return comparison.report(lambda step: progress.update(task, description=step))


def _verdict(at: Instance, found: Replica, report: Report, values: bool) -> Result:
    failures = Failures(found.s3, found.failure_bucket, found.function)
    left = [f"Left as it is: {place}" for place in verifying.note_failed(report, failures, found.source.keys)]
    shown, streams = report.as_json(found.source.keys, values), _streams(at, found)
    wrong = [*_advice(at.stack.name, found, report), *streams]
    text = "\n".join([verifying.summary(shown), *left, *streams])
    return Result({**shown, "notes": left, "streams": streams}, text, " ".join(wrong) or None)


def _streams(at: Instance, found: Replica) -> list[str]:
    settings = at.settings
    assert isinstance(settings, ReplicaSettings)
    existing = isinstance(settings.source, ExistingSource)
    return dead_streams.told(at, [found.function], "source.streamArn" if existing else None)


def _advice(stack: str, found: Replica, report: Report) -> Iterator[str]:
    """What mends each kind of difference."""
    if report.equal:
        return
    yield f"`{found.replica.name}` is not equal to `{found.source.name}`."
    if report.failed:
        yield f"`tributary redrive {stack}` applies again what failed."
    if report.missing or report.differing or report.more:
        yield (
            f"`tributary repair {stack}` writes what is missing or differs, whatever it comes from; of many missing "
            f"items `tributary backfill {stack}` is faster."
        )
    if report.extra:
        yield f"`tributary repair {stack}` removes what is extra."
    if report.unsettled:
        yield f"`tributary verify {stack} --longest 1800` waits longer for what keeps changing."
