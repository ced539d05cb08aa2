"""What a verb says and asks: people read lines and answer; for programs standard output holds one JSON document.

With `--json` everything else, the question too, goes to standard error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress

from operations.errors import DifferenceError
from operations.options import COLUMNS, confirm


@dataclass(frozen=True)
class Result:
    """What a verb came to, as JSON and as text; `failed` says what is wrong and what to type next, or is None."""

    shown: Mapping[str, Any]
    text: str
    failed: str | None = None


@dataclass(frozen=True)
class Dialogue:
    """`yes` answers every question; `as_json` is for programs."""

    yes: bool = False
    as_json: bool = False

    def say(self, line: str) -> None:
        """Tell something on the way."""
        typer.echo(printable(line), err=self.as_json)

    def confirm(self, question: str) -> None:
        """Ask before anything is changed; ends the command unless the answer is yes.

        Raises OperationError where nobody could answer.
        """
        confirm(question, self.yes, err=self.as_json)

    def progress(self) -> Progress:
        """Bars on standard error."""
        return Progress(*COLUMNS, console=Console(stderr=True))

    def conclude(self, result: Result) -> None:
        """Print what it came to. Raises DifferenceError when something is wrong, so that the exit code says so."""
        typer.echo(printable(json.dumps(result.shown, indent=2, ensure_ascii=False) if self.as_json else result.text))
        if result.failed is not None:
            raise DifferenceError(printable(result.failed))


def printable(text: str) -> str:
    """The text as UTF-8 can express it: half a surrogate pair, which JSON may hold, as JSON's own escape for it."""
    return text.encode(errors="backslashreplace").decode()
