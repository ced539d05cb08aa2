"""What is peculiar to the sides of a cross-account copy when a verb works on them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

from components.cross_account_copy.settings import SourceSettings, TargetSettings
from components.settings import Peer
from operations import dead_streams, redriving
from operations.access import Far, instance_of
from operations.asked import ComparingAsked, Where
from operations.cross_account_copy import deployed, repairing
from operations.cross_account_copy.deployed import Ends
from operations.cross_account_copy.repairing import Mended
from operations.cross_account_copy.report import Report
from operations.cross_account_copy.verifying import Compared, compared
from operations.dialogue import Dialogue, Result
from operations.errors import StackError
from operations.instances import Instance
from operations.instruments.failures import Record, table_of_stream
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.redriving import Rule, item_key, refreshed
from operations.stacks import read


def verify(at: Instance, asked: ComparingAsked, dialogue: Dialogue) -> Result:
    """Compare the stream with the tables, and the tables with lake and click stream."""
    with _compared(at, _find(at, asked), asked, dialogue) as (report, _):
        return _verdict(at, report)


def repair(at: Instance, asked: ComparingAsked, dialogue: Dialogue) -> Result:
    """Show what differs and, after asking, make the ends equal."""
    ends, mended = _find(at, asked), Mended()
    target = _target(at)
    functions = {one.name: one for one in target.functions()} if target and ends.target.lake else {}
    with _compared(at, ends, asked, dialogue) as (report, results):
        verdict = _verdict(at, report)
        if report.equal:
            shown = {"found": verdict.shown, **mended.as_json(), "foreign": []}
            return Result(shown, verdict.text, verdict.failed)
        dialogue.say(report.summary())
        for line in repairing.intention(results):
            dialogue.say(line)
        dialogue.confirm("Repair?")
        repairing.repair(results, functions, mended)
    more = any(section.more for section in report.sections.values())
    while more:
        before = mended.done
        with _compared(at, ends, asked, dialogue) as (report, results):
            repairing.repair(results, functions, mended)
        more = mended.done > before and any(section.more for section in report.sections.values())
    foreign = [place for section in report.sections.values() for place in section.foreign]
    text = (
        f"{mended.written} items written, {mended.removed} removed, {mended.sent} sent to lake and click stream. "
        f"`tributary verify {at.stack.name}` compares all."
    )
    wrong = [*_dead_streams(at)]
    if mended.left or foreign:
        text = "\n".join(
            [text, "Left as they are:", *mended.told(), *(f"  {place}" for place in foreign[: repairing.SHOWN])]
        )
        wrong.insert(0, f"{len(mended.left) + len(foreign)} could not be repaired; the lines above say why.")
    shown = {"found": verdict.shown, **mended.as_json(), "foreign": foreign}
    return Result(shown, text, " ".join(wrong) or None)


def redrive(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Apply failed records again.

    Copier: as they are, since each record has an item of its own, which never changes. Forwarder: as they are, one
    version of an item after the other, since the lake has the history of an item, and each line says whose it is.
    Click stream: two items may have one user and one time, and items may have been changed by hand since, so what is
    written is what the tables have now.
    """
    outputs = at.outputs
    if isinstance(at.settings, SourceSettings):
        return redriving.run(at, {outputs["copierName"]: Rule()}, dialogue)
    rules = {outputs["forwarderName"]: Rule(item_key)}
    if "clickStreamWriterName" in outputs:
        rules[outputs["clickStreamWriterName"]] = Rule(item_key, partial(_refreshed, at))
    return redriving.run(at, rules, dialogue)


def _refreshed(at: Instance, stream_arn: str, records: Sequence[Record]) -> Sequence[Record]:
    name = table_of_stream(stream_arn)
    if name not in at.outputs["tables"].values():
        raise LookupError(f"`{name}` is no table of this copy any more")
    return refreshed(records, at.account.table(name))


def _find(at: Instance, asked: ComparingAsked) -> Ends:
    if asked.where is Where.ATHENA:
        raise StackError(f"`{at.name}` is no table replica: Athena compares nothing else. Leave out `--engine athena`.")
    if asked.since is not None and not isinstance(at.settings, SourceSettings):
        raise StackError(
            f"`{at.name}` of stack `{at.stack.name}` has no stream: only what a stream got can be compared from a time "
            "on. Leave out `--since`, or name the stack that holds the stream."
        )
    far = Far(asked.far_role, asked.far_profile)
    return deployed.find(at.engine, at.stack, at.name, far, asked.since)


@contextmanager
def _compared(
    at: Instance, ends: Ends, asked: ComparingAsked, dialogue: Dialogue
) -> Iterator[tuple[Report, list[Compared]]]:
    with ExitStack() as kept:
        with dialogue.progress() as progress:

            def watch(description: str, total: int | None) -> Callable[[int], None]:
                return partial(progress.advance, progress.add_task(description, total=total))

            comparing: AbstractContextManager[tuple[Report, list[Compared]]] = compared(
                ends,
                RateLimit(asked.read_units or ends.target.read_units),
                Patience(settle_s=asked.settle_s, longest_s=asked.longest_s),
                watch,
                segments=asked.segments,
                values=asked.values,
            )
            found = kept.enter_context(comparing)
        # The bars are gone: what follows may ask.
        yield found


def _verdict(at: Instance, report: Report) -> Result:
    streams = _dead_streams(at)
    wrong = [*_advice(at, report), *streams]
    text = "\n".join([report.summary(), *streams])
    return Result({**report.as_json(), "streams": streams}, text, " ".join(wrong) or None)


def _dead_streams(at: Instance) -> list[str]:
    target = _target(at)
    if target is None:
        return []
    names = [target.outputs[name] for name in ("forwarderName", "clickStreamWriterName") if name in target.outputs]
    return dead_streams.told(target, names)


def _target(at: Instance) -> Instance | None:
    """The copy's target, None when its stack belongs to somebody else."""
    settings = at.settings
    if not isinstance(settings, SourceSettings):
        return at
    if not isinstance(settings.target, Peer):
        return None
    peer = read(at.engine, settings.target.stack)
    return Instance(at.engine, peer, instance_of(peer, settings.target.instance, (TargetSettings,)))


def _advice(at: Instance, report: Report) -> Iterator[str]:
    """What mends each kind of difference."""
    if report.equal:
        return
    yield f"the copy `{at.name}` is not equal to its source."
    kinds = {kind for section in report.sections.values() for kind, found in section.found.items() if found}
    if kinds & {"missing", "differing", "extra"} or any(section.more for section in report.sections.values()):
        yield (
            f"`tributary repair {at.stack.name}` writes what is missing or differs, and removes what is extra in "
            "tables and click stream."
        )
    if "failed" in kinds:
        yield (
            f"What failed is where the report says: put right what refused it, and `tributary redrive {at.stack.name}` "
            "applies it again; a record that can have no item stays failed."
        )
    if "unsettled" in kinds:
        yield f"`tributary verify {at.stack.name} --longest 1800` waits longer for what keeps arriving."
    if any(section.foreign for section in report.sections.values()):
        yield "What is foreign is nobody's copy: look at it, and move it away."
