"""Types `tributary` commands as a user does in a project's folder."""

from collections.abc import Callable

import pytest

from operations import cli
from operations.engine import Engine

# `tributary("verify", "prod")`: the exit code, and what was printed as output and as errors.
Tributary = Callable[..., tuple[int, str, str]]


def typed_in(engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    """Commands in the engine's folder and environment, until the test's monkeypatch ends."""
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
