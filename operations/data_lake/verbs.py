"""What is peculiar to a data lake when a verb works on it."""

import json
from functools import partial

from components.data_lake.settings import ProducingSettings
from handlers.lake_exporter.putting import ADVICE
from operations.asked import BackfillAsked, ComparingAsked, Rows, Runner, Where
from operations.data_lake import athena, backfilling, distributed, pausing, redriving, verifying
from operations.data_lake.deployed import Store, Way, bulk_of, require_rows_taken, store_of, way_of
from operations.data_lake.latest_rows import latest_rows
from operations.data_lake.snapshots import Snapshot, as_entry, moment, stream_writer
from operations.dialogue import Dialogue, Result
from operations.errors import OperationError, StackError
from operations.instances import Instance
from operations.instruments.distributing import Watch
from operations.instruments.items import key_attributes
from operations.instruments.patience import SHOWN, Patience
from operations.instruments.rates import RateLimit
from operations.instruments.verifying import Report, summary


def verify(at: Instance, asked: ComparingAsked, dialogue: Dialogue) -> Result:
    """Compare `latest` and the table."""
    way, store = way_of(at), store_of(at)
    return _verdict(at, way, _compared(way, store, asked, dialogue), asked.values)


def repair(at: Instance, asked: ComparingAsked, dialogue: Dialogue) -> Result:
    """Show what differs and, after asking, put what the table has now into the stream."""
    way, store = way_of(at), store_of(at)
    report = _compared(way, store, asked, dialogue)
    verdict = _verdict(at, way, report, asked.values)
    if report.equal:
        return Result({"found": verdict.shown, "written": 0, "removed": 0}, verdict.text)
    if report.more:
        raise OperationError(
            f"{report.more} more items differ than can be looked at one by one. `tributary backfill {at.stack.name}` "
            f"brings all that the table has; `tributary repair {at.stack.name}` then removes what is too much."
        )
    keys = [*report.missing, *report.extra, *(one.key for one in report.differing)]
    dialogue.say(verdict.text)
    dialogue.say(f"{len(keys)} items go through {way.stream_arn} as `{way.table.name}` has them then, or is without.")
    dialogue.confirm("Repair?")
    table = way.table
    snapshot = Snapshot(table.name, table.keys, table.dynamodb.region, moment(table, way.stream_arn, way.at.stack.name))
    here = table.get(keys)
    records = [
        snapshot.of_item(here[key]) if key in here else snapshot.of_absence(key_attributes(key, table.keys))
        for key in keys
    ]
    stream_writer(way.at.client("kinesis"), way.stream_arn).put(map(as_entry, records))
    return Result(
        {"found": verdict.shown, "written": len(here), "removed": len(keys) - len(here)},
        f"{len(here)} items and {len(keys) - len(here)} removals are on their way to the lake. "
        f"`tributary verify {at.stack.name}` compares all.",
    )


def redrive(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Send what could not be transformed again."""
    way, store = way_of(at), store_of(at)
    keys = redriving.waiting(store)
    if not keys:
        return Result({"sent": [], "left": []}, "Nothing to redrive.")
    dialogue.say(f"{len(keys)} objects of `{store.bucket}` go through {way.stream_arn} again.")
    dialogue.confirm("Redrive?")

    def told(one: redriving.Outcome) -> None:
        what = f"{one.records} records sent" if one.reason is None else f"left where it is: {one.reason}"
        dialogue.say(f"{one.key}: {what}")

    outcomes = redriving.redrive(store, way, keys, told)
    left = [one for one in outcomes if one.reason is not None]
    sent = sum(one.records for one in outcomes)
    return Result(
        {
            "sent": [{"object": one.key, "records": one.records} for one in outcomes if one.reason is None],
            "left": [{"object": one.key, "reason": one.reason} for one in left],
        },
        f"{sent} records of {len(outcomes) - len(left)} objects are in the stream again; what fails again comes back "
        f"below `{store.settings.layout.error_prefix}`.",
        f"{len(left)} objects were left where they are, as said above. Look at them by `aws s3 cp`." if left else None,
    )


def backfill(at: Instance, asked: BackfillAsked, dialogue: Dialogue) -> Result:
    """Bring what the table had before its stream."""
    way = way_of(at)
    if asked.runner is Runner.DISTRIBUTED:
        return _backfill_distributed(at, way, dialogue)
    large = int(way.table.description["TableSizeBytes"]) > backfilling.MOST_SCANNED_BYTES
    from_export = asked.rows is Rows.EXPORT or (asked.rows is None and large)
    dialogue.say(backfilling.intention(way, from_export))
    dialogue.confirm("Backfill?")
    with dialogue.progress() as progress:
        task = progress.add_task("Bringing", total=way.table.item_count)
        on_items = partial(progress.advance, task)
        brought = (
            backfilling.exported(way, on_items) if from_export else backfilling.scanned(way, asked.read_units, on_items)
        )
    return Result(
        {"items": brought.items, "asOf": brought.time_s},
        f"{brought.items} items are on their way to the lake. `tributary verify {at.stack.name}` compares all.",
    )


def _backfill_distributed(at: Instance, way: Way, dialogue: Dialogue) -> Result:
    bulk = bulk_of(way, "--engine distributed")
    dialogue.say(backfilling.intention(way, from_export=True))
    dialogue.say(f"{bulk.concurrency} files of the export at once, by {bulk.machine_arn}.")
    dialogue.confirm("Backfill?")
    with dialogue.progress() as progress:
        task = progress.add_task("Files", total=None)
        watch = Watch(progress.console.print, lambda done, total: progress.update(task, completed=done, total=total))
        try:
            taken = distributed.brought(way, bulk, watch)
        except KeyboardInterrupt:
            raise OperationError(
                "what runs on AWS goes on; the same command comes back to it. `aws stepfunctions list-executions "
                f"--state-machine-arn {bulk.machine_arn}` shows it."
            ) from None
    refused = [{"key": one.key, "reason": one.reason} for one in taken.refused]
    for one in refused[:SHOWN]:
        dialogue.say(f"{json.dumps(one['key'], ensure_ascii=False)}: {one['reason']}")
    return Result(
        {"items": taken.items, "asOf": taken.time_s, "refused": refused},
        f"{taken.items} items are on their way to the lake. `tributary verify {at.stack.name}` compares all.",
        f"{len(refused)} items are too large for the stream, as said above. {ADVICE}" if refused else None,
    )


def pause(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Hold the delivery stream; changes wait in the Kinesis stream."""
    way = way_of(at)
    name = str(way.at.outputs["deliveryStreamName"])
    dialogue.say(
        f"`{name}` stops reading; changes of `{way.table.name}` wait in {way.stream_arn} for "
        f"{pausing.retention_hours(way)} hours, no longer. What it has read already is still delivered."
    )
    dialogue.confirm("Pause?")
    pausing.pause(way)
    return Result({"paused": name}, f"Paused. `tributary resume {at.stack.name}` goes on from here.")


def resume(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Let the delivery stream go on from where it stopped."""
    way = way_of(at)
    name = str(way.at.outputs["deliveryStreamName"])
    dialogue.say(f"`{name}` goes on with {way.stream_arn} from where it stopped.")
    dialogue.confirm("Resume?")
    pausing.resume(way)
    return Result({"resumed": name}, "Resumed.")


def on_the_way_s(settings: ProducingSettings) -> float:
    """How long a change may take to the lake while nothing is wrong: until both buffers are emptied, in seconds."""
    return (settings.transform.buffer_seconds + settings.delivery.buffer_seconds) * 1.25


def _compared(way: Way, store: Store, asked: ComparingAsked, dialogue: Dialogue) -> Report:
    if asked.since is not None:
        raise StackError("a data lake is compared with its whole table, from the beginning on. Leave out `--since`.")
    patience = Patience(settle_s=max(asked.settle_s, on_the_way_s(way.settings)), longest_s=asked.longest_s)
    if asked.where is Where.ATHENA:
        return _compared_by_athena(way, store, patience, dialogue)
    with dialogue.progress() as progress:
        task = progress.add_task("Comparing", total=way.table.item_count)
        return verifying.verify(
            way.table,
            lambda: latest_rows(store, way.table.keys),
            verifying.rules_of(way),
            patience,
            RateLimit(asked.read_units),
            lambda count: progress.advance(task, count),
        )


def _compared_by_athena(way: Way, store: Store, patience: Patience, dialogue: Dialogue) -> Report:
    bulk = bulk_of(way, "--engine athena")
    require_rows_taken(way, store)
    rules = verifying.rules_of(way)
    dialogue.say(athena.intention(way, store))
    dialogue.confirm("Compare?")
    with dialogue.progress() as progress:
        task = progress.add_task("Comparing", total=None)
        return athena.verify(way, store, bulk, rules, patience, lambda step: progress.update(task, description=step))


def _verdict(at: Instance, way: Way, report: Report, values: bool) -> Result:
    shown = report.as_json(way.table.keys, values)
    failed = None
    if not report.equal:
        failed = (
            f"the lake is not equal to `{way.table.name}`. `tributary redrive {at.stack.name}` sends what could not be "
            f"transformed again; `tributary repair {at.stack.name}` brings what is missing or differs, whatever it "
            "comes from."
        )
        if report.unsettled:
            failed += f" `tributary verify {at.stack.name} --longest 1800` waits longer for what keeps changing."
    return Result(shown, summary(shown, "lake"), failed)
