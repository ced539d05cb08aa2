"""The sub-commands that work on an instance of any kind: options here, what does them in `operations.verbs`."""

from typing import Annotated

import typer

from operations import verbs
from operations.asked import BackfillAsked, ComparingAsked, ReplayAsked, Rows, Runner, Where, time_of
from operations.dialogue import Dialogue
from operations.engine import Engine
from operations.instruments.mappings import mappings
from operations.options import (
    HERE,
    FarProfile,
    FarRole,
    Folder,
    Instance,
    Json,
    Longest,
    ReadUnits,
    Segments,
    Settle,
    Since,
    Stack,
    Values,
    WriteUnits,
    Yes,
)
from operations.stacks import read


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: tributary verify workshop --json")(verify)
    app.command(epilog="Example: tributary repair workshop")(repair)
    app.command(epilog="Example: tributary redrive workshop")(redrive)
    app.command(epilog="Example: tributary backfill workshop --write-units 400")(backfill)
    app.command(epilog="Example: tributary replay prod --at 2026-11-22T10:00:00Z")(replay)
    app.command(epilog="Example: tributary pause workshop")(pause)
    app.command(epilog="Example: tributary resume workshop")(resume)


def verify(
    stack: Stack,
    instance: Instance = None,
    values: Values = False,
    as_json: Json = False,
    settle: Settle = 30.0,
    longest: Longest = 300.0,
    read_units: ReadUnits = None,
    segments: Segments = None,
    since: Since = None,
    far_role: FarRole = None,
    far_profile: FarProfile = None,
    where: Annotated[
        Where,
        typer.Option("--engine", help="`local` is this machine; `athena` compares exports, of tables of any size."),
    ] = Where.LOCAL,
    yes: Yes = False,
    folder: Folder = HERE,
) -> None:
    """Compare a far end with its source; the exit code is 0 only when they are equal."""
    if where is Where.ATHENA and (read_units or segments):
        raise typer.BadParameter(
            "--read-units and --segments are for scans; --engine athena makes none: leave them out"
        )
    time = None if since is None else time_of(since, "--since")
    asked = ComparingAsked(settle, longest, read_units, segments, time, far_role, far_profile, values, where)
    verbs.run("verify", folder, stack, instance, asked, Dialogue(yes, as_json))


def repair(
    stack: Stack,
    instance: Instance = None,
    values: Values = False,
    as_json: Json = False,
    settle: Settle = 30.0,
    longest: Longest = 300.0,
    read_units: ReadUnits = None,
    segments: Segments = None,
    since: Since = None,
    far_role: FarRole = None,
    far_profile: FarProfile = None,
    yes: Yes = False,
    folder: Folder = HERE,
) -> None:
    """Make a far end equal to its source: write what is missing or differs, remove what is extra."""
    time = None if since is None else time_of(since, "--since")
    asked = ComparingAsked(settle, longest, read_units, segments, time, far_role, far_profile, values)
    verbs.run("repair", folder, stack, instance, asked, Dialogue(yes, as_json))


def redrive(
    stack: Stack, instance: Instance = None, as_json: Json = False, yes: Yes = False, folder: Folder = HERE
) -> None:
    """Apply again what could not be applied; the exit code is 0 only when all of it is."""
    verbs.run("redrive", folder, stack, instance, None, Dialogue(yes, as_json))


def backfill(
    stack: Stack,
    instance: Instance = None,
    rows: Annotated[
        Rows | None,
        typer.Option(
            "--from", help="`scan` reads the table; `export` asks for a point-in-time export, and reads that."
        ),
    ] = None,
    runner: Annotated[
        Runner,
        typer.Option("--engine", help="`local` is this machine; `distributed` a state machine over an export's files."),
    ] = Runner.LOCAL,
    read_units: ReadUnits = None,
    write_units: WriteUnits = None,
    segments: Segments = None,
    as_json: Json = False,
    yes: Yes = False,
    replica_role: FarRole = None,
    replica_profile: FarProfile = None,
    folder: Folder = HERE,
) -> None:
    """Copy what the source had before its stream; goes on where one that was killed stopped."""
    exported = rows is Rows.EXPORT or runner is Runner.DISTRIBUTED
    if rows is Rows.SCAN and exported:
        raise typer.BadParameter("--engine distributed works on an export's files: leave out `--from scan`")
    if exported and (read_units or segments):
        raise typer.BadParameter("--read-units and --segments are for scans; an export reads none: leave them out")
    asked = BackfillAsked(rows, runner, read_units, write_units, segments, replica_role, replica_profile)
    verbs.run("backfill", folder, stack, instance, asked, Dialogue(yes, as_json))


def replay(
    stack: Stack,
    instance: Instance = None,
    function: Annotated[str | None, typer.Option(help="Only the streams of this function.")] = None,
    at: Annotated[str | None, typer.Option(help="Begin with what arrived at this time: 2026-11-22T10:00:00Z.")] = None,
    as_json: Json = False,
    yes: Yes = False,
    folder: Folder = HERE,
) -> None:
    """Read streams again from their horizon or from a time on; the far end stays as it is."""
    asked = ReplayAsked(function, None if at is None else time_of(at))
    if instance is None and function is not None:
        engine = Engine(folder)
        [found, *_] = mappings(engine, stack, function)
        instance = read(engine, stack).instance_of(found.component)
    verbs.run("replay", folder, stack, instance, asked, Dialogue(yes, as_json))


def pause(
    stack: Stack, instance: Instance = None, as_json: Json = False, yes: Yes = False, folder: Folder = HERE
) -> None:
    """Hold all functions on streams; what comes meanwhile waits in the streams, for as long as they keep it."""
    verbs.run("pause", folder, stack, instance, None, Dialogue(yes, as_json))


def resume(
    stack: Stack, instance: Instance = None, as_json: Json = False, yes: Yes = False, folder: Folder = HERE
) -> None:
    """Go on with what was paused, from where it stopped."""
    verbs.run("resume", folder, stack, instance, None, Dialogue(yes, as_json))
