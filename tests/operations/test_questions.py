"""What a command asks is asked where somebody can answer, and nowhere else."""

import io
from pathlib import Path

import pytest

from operations import cli
from operations.errors import OperationError
from operations.options import confirm

pytestmark = pytest.mark.pure


def test_every_question_of_a_command_goes_through_the_same_check() -> None:
    """A command that calls typer's own `confirm` would take the next lines of a script as answers."""
    modules = Path(cli.__file__).parent.rglob("*.py")
    assert [module.name for module in modules if "typer.confirm(" in module.read_text()] == ["options.py"]


def test_where_nobody_can_answer_a_question_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(OperationError, match=r"`Pause\?` here: standard input is no terminal.* with `--yes`"):
        confirm("Pause?", yes=False)
    confirm("Pause?", yes=True)
