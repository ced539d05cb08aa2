"""Runs one program of set-up: every line it prints is progress, and the last ones explain a failure."""

import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from localcloud.engine.processes import die_with_parent
from localcloud.errors import SetupError

TAIL_LINES = 15


def run(
    command: Sequence[str | Path],
    *,
    on_line: Callable[[str], None] = lambda line: None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    advice: str,
) -> list[str]:
    """Runs the command to its end and returns what it printed, standard error included.

    Raises SetupError with the last lines of the output and the `advice` on what to do about a failure.
    """
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    lines = []
    words = [str(word) for word in command]
    try:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=die_with_parent,
        )
    except OSError as error:
        raise SetupError(f"`{' '.join(words)}` cannot be executed: {error}. {advice}") from error
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            tail.append(line.rstrip())
            on_line(line.rstrip())
    if process.returncode != 0:
        output = "\n".join(f"    {line}" for line in tail)
        raise SetupError(f"`{' '.join(words)}` ended with exit code {process.returncode}:\n{output}\n{advice}")
    return lines
