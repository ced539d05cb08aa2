"""`tributary redrive` for functions of any kind, each by the rule of its kind: what is told, asked, and shown."""

from collections.abc import Mapping
from typing import Any

from operations.dialogue import Dialogue, Result
from operations.instances import Instance
from operations.instruments.redriving import Outcome, Rule, Waiting, redrive, waiting


def run(at: Instance, rules: Mapping[str, Rule], dialogue: Dialogue) -> Result:
    """Redrive what waits for the functions named in `rules`."""
    functions = [one for one in at.functions() if one.name in rules]
    buckets = {one.failure_bucket: one.s3 for one in functions}
    found: list[Waiting] = []
    foreign: list[str] = []
    for bucket, s3 in buckets.items():
        of_bucket, none_of_it = waiting(s3, bucket, rules)
        found += of_bucket
        foreign += none_of_it
    for place in foreign:
        dialogue.say(f"left as it is: {place}")
    if not found:
        return Result({"applied": [], "left": [], "foreign": foreign}, "Nothing to redrive.")
    for function in functions:
        objects = [one for one in found if one.function == function.name]
        if objects:
            dialogue.say(
                f"{len(objects)} objects of {sum(one.records for one in objects)} records in "
                f"`{function.failure_bucket}` go through `{function.name}` again, {_how(rules[function.name])}"
            )
    dialogue.confirm("Redrive?")
    outcomes: list[Outcome] = []
    for function in functions:
        objects = [one for one in found if one.function == function.name]
        if objects:
            rule = rules[function.name]
            outcomes += redrive(function, rule, objects, lambda outcome: dialogue.say(_told(outcome)))
    return _result(at.stack.name, outcomes, foreign)


def _how(rule: Rule) -> str:
    if rule.refresh is not None:
        return "brought up to date; its stream is held meanwhile."
    return "as they are."


def _told(outcome: Outcome) -> str:
    what = f"{outcome.waiting.object_key}: {outcome.waiting.records} records"
    if outcome.reason is not None:
        return f"{what} left where it is: {outcome.reason}"
    if outcome.poisoned:
        stored = "; ".join(f"{key}: {reason}" for key, reason in outcome.poisoned.items())
        return f"{what} applied but for {len(outcome.poisoned)}, stored by themselves: {stored}"
    return f"{what} applied"


def _result(stack: str, outcomes: list[Outcome], foreign: list[str]) -> Result:
    failed = [one for one in outcomes if not one.applied]
    shown: dict[str, Any] = {
        "applied": [one.waiting.object_key for one in outcomes if one.applied],
        "left": [
            {"object": one.waiting.object_key, "reason": one.reason, "storedAnew": one.poisoned} for one in failed
        ],
        "foreign": foreign,
    }
    if not failed:
        return Result(shown, f"All of {len(outcomes)} objects are applied.")
    return Result(
        shown,
        f"{len(outcomes) - len(failed)} of {len(outcomes)} objects are applied.",
        f"{len(failed)} of {len(outcomes)} objects cannot be applied yet. Put right what the lines above say, then "
        f"`tributary redrive {stack}`.",
    )
