"""What several sub-commands of `tributary` take, and how they show their progress."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from operations.errors import OperationError

Stack = Annotated[str, typer.Argument(help="The stack that holds the instance.")]
Instance = Annotated[str | None, typer.Option(help="The instance, when the stack has several.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Folder = Annotated[Path, typer.Option(help="The folder of Pulumi.yaml and the stack files.")]
# One option under the name that each architecture gives its far end.
FarRole = Annotated[
    str | None, typer.Option("--replica-role", "--target-role", help="Reach the replica or the target as this role.")
]
FarProfile = Annotated[
    str | None,
    typer.Option(
        "--replica-profile", "--target-profile", help="Reach the replica or the target with this AWS profile."
    ),
]
ReadUnits = Annotated[float | None, typer.Option(min=0.1, help="Read capacity units a second to use at most.")]
WriteUnits = Annotated[float | None, typer.Option(min=0.1, help="Write capacity units a second to use at most.")]
Segments = Annotated[
    int | None, typer.Option(min=1, max=1_000_000, help="Segments of the scan; by size when left out.")
]
Json = Annotated[bool, typer.Option("--json", help="Print what it came to as JSON.")]
Values = Annotated[bool, typer.Option("--values", help="Show attribute values, not only names.")]
Settle = Annotated[float, typer.Option(min=0, help="Seconds that a difference must last to be called one.")]
Longest = Annotated[float, typer.Option(min=1, help="Seconds to wait for items that keep changing.")]
Since = Annotated[str | None, typer.Option(help="Compare what a stream got from this time on: 2026-11-22T10:00:00Z.")]
HERE = Path()
COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TaskProgressColumn(show_speed=True),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
)


def confirm(question: str, yes: bool, *, err: bool = True) -> None:
    """Ask, unless `yes` was said. Raises typer.Abort for a no, and OperationError where nobody could answer.

    The lines on the standard input of a script are its next commands, and no answers.
    """
    if yes:
        return
    refuse_without_terminal(question)
    typer.confirm(question, abort=True, err=err)


def refuse_without_terminal(question: str) -> None:
    """Raise OperationError where nobody could answer a question."""
    if not sys.stdin.isatty():
        raise OperationError(
            f"nobody can answer `{question}` here: standard input is no terminal. Nothing was done. Type the same "
            "command with `--yes`."
        )
