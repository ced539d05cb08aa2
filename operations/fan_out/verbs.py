"""What is peculiar to the fan-out platform when a verb works on it."""

from collections.abc import Callable
from dataclasses import asdict, replace

from operations import pausing, redriving, replaying
from operations.access import Far
from operations.asked import ComparingAsked, ReplayAsked, Where
from operations.dialogue import Dialogue, Result
from operations.errors import StackError
from operations.fan_out import hooks
from operations.fan_out import redriving as messages
from operations.fan_out.comparing import SHOWN
from operations.fan_out.platform import Platform, Source
from operations.fan_out.verifying import CONTENTS, Verification, Verified
from operations.instances import Instance
from operations.instruments.patience import Patience
from operations.instruments.redriving import Rule


def verify(at: Instance, asked: ComparingAsked, dialogue: Dialogue) -> Result:
    """Compare what each target should have got with what it has, or with what was delivered to it."""
    if asked.where is Where.ATHENA:
        raise StackError(f"`{at.name}` is no table replica: Athena compares nothing else. Leave out `--engine athena`.")
    patience = Patience(settle_s=asked.settle_s, longest_s=asked.longest_s)
    far = Far(asked.far_role, asked.far_profile)
    found, unread = Verification(Platform(at), asked.since, far, patience).verified()
    lines = [line for one in found for line in _lines(one)]
    lines += [f"{arn}: a table's stream cannot be read a second time; its targets are not compared." for arn in unread]
    wrong = [one.target for one in found if not one.verdict.equal]
    return Result(
        {
            "equal": not wrong,
            "targets": [{**asdict(one), "equal": one.verdict.equal} for one in found],
            "notCompared": unread,
        },
        "\n".join(lines) or "There is no active target.",
        f"{', '.join(wrong)} lack messages, or have them out of order. `tributary replay {at.stack.name}` sends again "
        "all that the stream still has."
        if wrong
        else None,
    )


def _lines(one: Verified) -> list[str]:
    verdict = one.verdict
    how = "as sent" if one.by == CONTENTS else f"delivered by count: {one.why}"
    there = verdict.expected - len(verdict.missing) if one.by == CONTENTS else verdict.expected
    counted = f"{there} of {verdict.expected} messages {how}"
    beside = [
        f"{number} {what}"
        for number, what in (
            (verdict.waiting, "in the backlog"),
            (verdict.failed, "in the on-failure bucket"),
            (verdict.repeated, "more than once"),
            (verdict.others, "of others"),
        )
        if number
    ]
    said = "Equal" if verdict.equal else "Different"
    return [
        "; ".join([f"{said} {one.source} → {one.target}: {counted}", *beside]),
        *(f"  missing: {name}" for name in verdict.missing[:SHOWN]),
        *(f"  out of order: key {key!r}" for key in verdict.late[:SHOWN]),
    ]


def redrive(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Deliver again what targets never took, and hand to the function again the batches that Lambda gave up.

    Those go to every target, also to the ones that had them: the function was killed in their midst.
    """
    batches = redriving.run(at, {one.name: Rule() for one in at.functions()}, dialogue)
    kept = messages.redrive(Platform(at), None, f"tributary redrive {at.stack.name}", dialogue)
    failed = [one.failed for one in (batches, kept) if one.failed is not None]
    return Result(
        {"batches": batches.shown, "messages": kept.shown},
        f"Batches: {batches.text}\nMessages: {kept.text}",
        " ".join(failed) or None,
    )


def pause(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Hold the function on every source, also on those that were hooked at run time."""
    return _switched(at, dialogue, pausing.pause, on=False)


def resume(at: Instance, asked: None, dialogue: Dialogue) -> Result:
    """Let the function go on with every source, also with those that were hooked at run time."""
    return _switched(at, dialogue, pausing.resume, on=True)


def _switched(
    at: Instance, dialogue: Dialogue, verb: Callable[[Instance, None, Dialogue], Result], *, on: bool
) -> Result:
    platform = Platform(at)
    sources = _hooked_at_run_time(platform)
    for source in sources:
        dialogue.say(f"{source.arn}, which was hooked at run time, {'goes on' if on else 'is held'} as well.")
    result = verb(at, None, dialogue)
    ids = {source.label: list(hooks.switch(platform, source, on)) for source in sources}
    return replace(result, shown={**result.shown, "hookedAtRunTime": ids})


def replay(at: Instance, asked: ReplayAsked, dialogue: Dialogue) -> Result:
    """Read the sources of the stack again. Raises StackError where all were hooked at run time."""
    found = _hooked_at_run_time(Platform(at))
    if found and not at.mappings():
        name = found[0].name
        raise StackError(
            f"the sources of `{at.name}` were hooked at run time, so that no deployment makes their mappings anew. "
            f"Type `tributary fanout unhook --source {name}`, then `tributary fanout hook --source {name}`, which "
            "begins at the horizon."
        )
    return replaying.verb(at, asked, dialogue)


def _hooked_at_run_time(platform: Platform) -> list[Source]:
    """The sources whose mappings are none of the stack's."""
    return [source for source in platform.sources if any(not hook.by_stack for hook in hooks.hooks(platform, source))]
