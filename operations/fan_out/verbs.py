"""What is peculiar to the fan-out platform when a verb works on it."""

from dataclasses import asdict

from operations import redriving
from operations.access import Far
from operations.asked import ComparingAsked, Where
from operations.dialogue import Dialogue, Result
from operations.errors import StackError
from operations.fan_out import redriving as messages
from operations.fan_out.comparing import SHOWN
from operations.fan_out.platform import Platform
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
