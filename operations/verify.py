"""`tributary verify`: says whether a far end is equal to its source, in the way of the instance's kind."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from components.cross_account_copy.settings import SourceSettings, TargetSettings
from components.settings import Architecture
from components.table_replica.settings import ReplicaSettings
from operations.engine import Engine
from operations.errors import DifferenceError, StackError
from operations.options import COLUMNS, HERE, FarProfile, FarRole, Folder, Instance, ReadUnits, Segments, Yes, confirm
from operations.replaying import time_of
from operations.stacks import Stack as StackFile
from operations.stacks import read

if TYPE_CHECKING:
    from operations.instruments.patience import Patience
    from operations.table_replica.deployed import Replica
    from operations.table_replica.verifying import Report


class Where(StrEnum):
    """What compares: this machine by scans, or Athena by exports."""

    LOCAL = "local"
    ATHENA = "athena"


@dataclass(frozen=True)
class Asked:
    """What the command line asks for; times in seconds."""

    values: bool
    settle_s: float
    longest_s: float
    read_units: float | None
    segments: int | None
    since: datetime | None
    far_role: str | None
    far_profile: str | None
    where: Where
    yes: bool


@dataclass(frozen=True)
class Outcome:
    """A report as JSON and as text; `advice` says what is wrong and what to type next when the ends are not equal."""

    equal: bool
    shown: Mapping[str, Any]
    summary: str
    advice: str


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tributary verify workshop --json")(verify)


def verify(
    stack: Annotated[
        str, typer.Argument(help="The stack that holds the source; that of a copy's target compares what is there.")
    ],
    instance: Instance = None,
    values: Annotated[bool, typer.Option("--values", help="Show attribute values, not only names.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    settle: Annotated[float, typer.Option(min=0, help="Seconds that a difference must last to be called one.")] = 30.0,
    longest: Annotated[float, typer.Option(min=1, help="Seconds to wait for items that keep changing.")] = 300.0,
    read_units: ReadUnits = None,
    segments: Segments = None,
    since: Annotated[
        str | None, typer.Option(help="Compare what a stream got from this time on: 2026-11-22T10:00:00Z.")
    ] = None,
    far_role: FarRole = None,
    far_profile: FarProfile = None,
    where: Annotated[
        Where,
        typer.Option(
            "--engine", help="`local` is this machine; `athena` compares exports of a replica's tables, of any size."
        ),
    ] = Where.LOCAL,
    yes: Yes = False,
    folder: Folder = HERE,
) -> None:
    """Compare a table replica or a cross-account copy with its source; the exit code is 0 only when they are equal."""
    from operations.access import instance_of

    if where is Where.ATHENA and (read_units or segments):
        raise typer.BadParameter(
            "--read-units and --segments are for scans; --engine athena makes none: leave them out"
        )
    engine = Engine(folder)
    settings = read(engine, stack)
    name = instance_of(settings, instance, tuple(KINDS))
    time = None if since is None else time_of(since, "--since")
    if where is Where.ATHENA and not isinstance(settings.architectures[name], ReplicaSettings):
        raise StackError(f"`{name}` is no table replica: Athena compares nothing else. Leave out `--engine athena`.")
    if time is not None and not isinstance(settings.architectures[name], SourceSettings):
        raise StackError(
            f"`{name}` of stack `{stack}` has no stream: only what a stream got can be compared from a time on. Leave "
            "out `--since`, or name the stack that holds the stream."
        )
    asked = Asked(values, settle, longest, read_units, segments, time, far_role, far_profile, where, yes)
    with Progress(*COLUMNS, console=Console(stderr=True)) as progress:
        outcome = KINDS[type(settings.architectures[name])](engine, settings, name, asked, progress)
    typer.echo(json.dumps(outcome.shown, indent=2, ensure_ascii=False) if as_json else outcome.summary)
    if not outcome.equal:
        raise DifferenceError(outcome.advice)


def _table_replica(engine: Engine, stack: StackFile, instance: str, asked: Asked, progress: Progress) -> Outcome:
    from operations.instruments.patience import Patience
    from operations.instruments.rates import RateLimit
    from operations.table_replica import deployed, verifying

    found = deployed.find(engine, stack.name, instance, replica_role=asked.far_role, replica_profile=asked.far_profile)
    patience = Patience(settle_s=asked.settle_s, longest_s=asked.longest_s)
    if asked.where is Where.ATHENA:
        report = _by_athena(found, stack.name, patience, asked.yes, progress)
    else:
        task = progress.add_task("Comparing", total=found.source.item_count + found.replica.item_count)
        report = verifying.verify(
            found.source,
            found.replica,
            patience,
            RateLimit(asked.read_units),
            lambda count: progress.advance(task, count),
            asked.segments,
        )
    shown = report.as_json(found.source.keys, asked.values)
    return Outcome(
        report.equal,
        shown,
        verifying.summary(shown),
        f"`{found.replica.name}` is not equal to `{found.source.name}`. `tributary redrive {stack.name}` applies "
        f"what failed, `tributary backfill {stack.name}` copies what is missing.",
    )


def _by_athena(replica: "Replica", stack: str, patience: "Patience", yes: bool, progress: Progress) -> "Report":
    from operations.table_replica.athena import Comparison
    from operations.table_replica.deployed import required_bulk

    comparison = Comparison(replica, required_bulk(replica, stack), patience)
    progress.stop()  # it would write over the question
    typer.echo(comparison.intention(), err=True)
    confirm("Compare?", yes)
    progress.start()
    task = progress.add_task("Comparing", total=None)
    return comparison.report(lambda step: progress.update(task, description=step))


def _cross_account_copy(engine: Engine, stack: StackFile, instance: str, asked: Asked, progress: Progress) -> Outcome:
    from operations.access import Far
    from operations.cross_account_copy import deployed, verifying
    from operations.instruments.patience import Patience
    from operations.instruments.rates import RateLimit

    def watch(description: str, total: int | None) -> Callable[[int], None]:
        return partial(progress.advance, progress.add_task(description, total=total))

    ends = deployed.find(engine, stack, instance, Far(asked.far_role, asked.far_profile), asked.since)
    report = verifying.verify(
        ends,
        RateLimit(asked.read_units or ends.target.read_units),
        Patience(settle_s=asked.settle_s, longest_s=asked.longest_s),
        watch,
        segments=asked.segments,
        values=asked.values,
    )
    return Outcome(
        report.equal,
        report.as_json(),
        report.summary(),
        f"the copy `{instance}` is not equal to its source. What failed is where the report says; `tributary replay` "
        "on the stack with the stream writes again what is missing and what differs in the tables.",
    )


# How the instances of each kind are verified.
KINDS: Mapping[type[Architecture], Callable[[Engine, StackFile, str, Asked, Progress], Outcome]] = {
    ReplicaSettings: _table_replica,
    SourceSettings: _cross_account_copy,
    TargetSettings: _cross_account_copy,
}
