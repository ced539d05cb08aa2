"""Types `tributary` commands as a user does in a project's folder."""

from collections.abc import Callable
from typing import Any

import pytest

from operations import cli
from operations.engine import Engine

# `tributary("verify", "prod")`: the exit code, and what was printed as output and as errors.
Tributary = Callable[..., tuple[int, str, str]]


def typed_in(engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    """Commands in the engine's folder and environment, until the test's monkeypatch ends.

    They know what the engine has been asked already: a configuration and a state, as long as their files are as they
    were. A command by itself asks anew, which takes half a second for each.
    """
    make = Engine.__init__

    def make_knowing(made: Engine, *arguments: Any, **options: Any) -> None:
        make(made, *arguments, **options)
        vars(made).update(_configs=engine._configs, _states=engine._states)

    monkeypatch.setattr(Engine, "__init__", make_knowing)
    monkeypatch.chdir(engine.folder)
    for name, value in engine.environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return run
