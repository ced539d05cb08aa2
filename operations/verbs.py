"""What can be done with an instance of which kind: the table of verbs, kinds and the functions that do it.

A row is all that a kind needs. What is in it is imported when the verb is typed. A function takes the instance, what
the command line asks of the verb, and the dialogue with whoever typed it, and returns what it came to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from operations.dialogue import Dialogue, Result
from operations.engine import Engine
from operations.errors import StackError, StillHeldError
from operations.stacks import dependents, read, read_all, stack_names

if TYPE_CHECKING:
    from operations.instances import Instance


@dataclass(frozen=True)
class No:
    """Why a kind has no such verb, and what to type instead. `{stack}` stands for the stack, `{peers}` for those that
    read its outputs, `{verb}` for the verb."""

    why: str
    instead: str


COPY, REPLICA, SHARED = ("operations.cross_account_copy", "operations.table_replica", "operations.shared_stream")
LAKE, FAN_OUT = "operations.data_lake.verbs", "operations.fan_out.verbs"
# These need nothing from a kind but its mappings, which the stack's state has.
ON_STREAMS = {
    "replay": "operations.replaying:verb",
    "pause": "operations.pausing:pause",
    "resume": "operations.pausing:resume",
}
# Whatever an operation left held, these say what is to be.
TAKING_OVER = ("pause", "resume", "replay")
ELSEWHERE = No("its functions belong to other stacks", "`tributary {verb}` with a stack that reads its outputs{peers}")
NOT_KEPT = No(
    "what its function makes of a record is not kept where it could be compared",
    "`tributary replay {stack}` hands every record that the stream still has to the function again",
)
NO_BACKFILL = No(
    "it begins at its stream's horizon, and what was before that is nowhere",
    "`tributary replay {stack}` reads the stream again from its horizon",
)

OF_A_PLATFORM: Mapping[str, str | No] = {
    "verify": f"{FAN_OUT}:verify",
    "repair": No(
        "what a target got cannot be taken back, nor written over",
        "`tributary redrive {stack}` delivers what failed, and `tributary replay {stack}` sends again all that the "
        "streams still have",
    ),
    "backfill": NO_BACKFILL,
    # Sources may be hooked at run time as well.
    **{verb: f"{FAN_OUT}:{verb}" for verb in ("redrive", "replay", "pause", "resume")},
}

# Either side of a lake stands for both.
OF_A_LAKE: Mapping[str, str | No] = {
    **{verb: f"{LAKE}:{verb}" for verb in ("verify", "repair", "redrive", "backfill")},
    "replay": No(
        "its delivery stream keeps its own place in the stream, which nobody can set back",
        "`tributary backfill {stack}` brings all that the table has",
    ),
    **{verb: f"{LAKE}:{verb}" for verb in ("pause", "resume")},
}

# Kind → verb → function, or why there is none.
TABLE: Mapping[str, Mapping[str, str | No]] = {
    "cross-account-copy/source": {
        "verify": f"{COPY}.verbs:verify",
        "repair": f"{COPY}.verbs:repair",
        "redrive": f"{COPY}.verbs:redrive",
        "backfill": NO_BACKFILL,
        **ON_STREAMS,
    },
    "cross-account-copy/target": {
        "verify": f"{COPY}.verbs:verify",
        "repair": f"{COPY}.verbs:repair",
        "redrive": f"{COPY}.verbs:redrive",
        "backfill": No(
            "lake and click stream are as old as the tables",
            "`tributary repair {stack}` writes what they lack of the tables",
        ),
        **ON_STREAMS,
    },
    "table-replica": {
        "verify": f"{REPLICA}.verbs:verify",
        "repair": f"{REPLICA}.verbs:repair",
        "redrive": f"{REPLICA}.verbs:redrive",
        "backfill": f"{REPLICA}.verbs:backfill",
        **ON_STREAMS,
    },
    "table-replica/far-end": dict.fromkeys(("verify", "repair", "redrive", "backfill", *ON_STREAMS), ELSEWHERE),
    "shared-stream/owner": dict.fromkeys(("verify", "repair", "redrive", "backfill", *ON_STREAMS), ELSEWHERE),
    **dict.fromkeys(("data-lake", "data-lake/producer", "data-lake/consumer"), OF_A_LAKE),
    "fan-out/platform": OF_A_PLATFORM,
    "fan-out/receiver": dict.fromkeys(("verify", "repair", "redrive", "backfill", *ON_STREAMS), ELSEWHERE),
    "shared-stream/subscriber": {
        "verify": NOT_KEPT,
        "repair": NOT_KEPT,
        "redrive": f"{SHARED}.verbs:redrive",
        "backfill": NO_BACKFILL,
        **ON_STREAMS,
    },
}

Function = Callable[["Instance", Any, Dialogue], Result]


def run(verb: str, folder: Path, stack: str, instance: str | None, asked: Any, dialogue: Dialogue) -> None:
    """Do what was typed, and print what it came to. Raises OperationError."""
    found = find(Engine(folder), verb, stack, instance)
    resume = f"`tributary resume {stack}{f' --instance {found.name}' if instance else ''}`"
    try:
        result = function_of(verb, found.kind)(found, asked, dialogue)
    except StillHeldError as error:
        raise StillHeldError(f"{error} What comes waits in its stream until {resume} lets it go on.") from error
    for function in held_functions(found) if verb not in TAKING_OVER else ():
        typer.echo(
            f"note: `{function}` is held by an operation that is still at it, or was killed: {resume} lets it go on.",
            err=True,
        )
    dialogue.conclude(result)


def held_functions(at: "Instance") -> list[str]:
    """The functions of an instance that an operation holds or, when it was killed, left held."""
    from operations.instruments.holding import Notes

    try:
        functions = at.functions()
    except StackError:
        # It is not deployed. The verb says so, unless something is wrong with what was typed.
        return []
    return [
        function.name
        for function in functions
        if function.failure_bucket
        and any(Notes(function.s3, function.failure_bucket).has(one) for one in function.mapping_ids)
    ]


def function_of(verb: str, kind: str) -> Function:
    """What does a verb that the kind has."""
    path = TABLE[kind][verb]
    assert isinstance(path, str)
    module, _, name = path.partition(":")
    function: Function = getattr(import_module(module), name)
    return function


def find(engine: Engine, verb: str, stack: str, wanted: str | None) -> "Instance":
    """The instance of a stack that has the verb; `wanted` is needed when there are several. Raises StackError."""
    from operations.instances import Instance

    settings = read(engine, stack)
    instances = {name: one.kind for name, one in settings.architectures.items()}
    able = [name for name, kind in instances.items() if isinstance(TABLE[kind][verb], str)]
    if wanted is not None and wanted not in instances:
        raise StackError(
            f"stack `{stack}` has no instance `{wanted}`. Add `--instance` with one of {', '.join(able or instances)}."
        )
    named = [wanted] if wanted is not None else able or list(instances)[:1]
    if len(named) > 1:
        raise StackError(f"stack `{stack}` has several instances. Add `--instance` with one of {', '.join(named)}.")
    [name] = named
    entry = TABLE[instances[name]][verb]
    if isinstance(entry, No):
        known = set(engine.stacks())
        others = read_all(engine, [name for name in stack_names(engine.folder) if name in known])
        peers = "".join(f", `{peer}`" for peer in dependents(others, stack))
        told = entry.instead.format(stack=stack, peers=peers, verb=verb)
        raise StackError(
            f"`{name}` of stack `{stack}` is a {instances[name]}, which has no `{verb}`: {entry.why}. Instead: {told}."
        )
    return Instance(engine, settings, name)


def as_markdown() -> str:
    """The table as docs/operations.md has it, and below it why there is what there is not."""
    verbs = list(next(iter(TABLE.values())))
    rows = [["kind", *(f"`{verb}`" for verb in verbs)], ["---"] * (len(verbs) + 1)]
    reasons: dict[tuple[str, No], list[str]] = {}
    for kind, row in TABLE.items():
        rows.append([f"`{kind}`", *("" if isinstance(row[verb], No) else "yes" for verb in verbs)])
        for verb in verbs:
            if isinstance(entry := row[verb], No):
                reasons.setdefault((kind, entry), []).append(f"`{verb}`")
    table = [f"| {' | '.join(row)} |" for row in rows]
    shown = {"stack": "STACK", "verb": "VERB", "peers": ""}
    told = [
        f"- `{kind}` has no {', '.join(names)}: {no.why}. Instead: {no.instead.format(**shown)}."
        for (kind, no), names in reasons.items()
    ]
    return "\n".join([*table, "", *told])
