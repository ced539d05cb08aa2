"""`tributary status`: says how stacks are doing; the exit code is 1 when something needs a person."""

import json
import time
from typing import Annotated

import typer

from operations.engine import Engine
from operations.errors import OperationError
from operations.options import HERE, Folder
from operations.stacks import stack_names

CLEAR_SCREEN = "\033[2J\033[H"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: tributary status prod --watch")(status)


def status(
    stacks: Annotated[
        list[str] | None, typer.Argument(help="Stacks by name; all stack files of the folder when none.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with --watch a line for each look.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=1, help="Seconds between two looks of --watch.")] = 15.0,
    folder: Folder = HERE,
) -> None:
    """Show what each function of each instance does, what waits, what failed and which alarms are on."""
    from operations.status.stacks import status as look

    engine = Engine(folder)
    names = list(stacks or stack_names(folder))
    if not names:
        raise OperationError(f"there is no stack file in {folder.resolve()}. Name its folder by `--folder`.")
    while True:
        report = look(engine, names)
        if not watch:
            break
        typer.echo(json.dumps(report.as_json()) if as_json else f"{CLEAR_SCREEN}{report.text()}")
        time.sleep(every)
    typer.echo(json.dumps(report.as_json(), indent=2) if as_json else report.text())
    missing = [stack.name for stack in report.stacks if stacks and not stack.deployed]
    if missing:
        raise OperationError(f"stack `{missing[0]}` is not deployed. Type `tributary up {missing[0]}` first.")
    if report.findings:
        raise OperationError(f"{report.findings} findings need a person; each line with → says what to type next.")
