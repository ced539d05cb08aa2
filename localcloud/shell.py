"""`make shell`: the user's shell, in an environment where `pulumi` works against a local cloud."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from localcloud.workspace import Workspace
from operations.children import GRACEFUL, attended, exit_code

# An interactive shell ignores SIGTERM; it ends, and hangs up what runs in it, when its terminal goes.
HANGING_UP: Mapping[int, int] = {**GRACEFUL, signal.SIGTERM: signal.SIGHUP, signal.SIGHUP: signal.SIGHUP}
DEFAULT_STACK = "poc"
BANNER = """\
A local cloud answers at {endpoint}. Stacks: {stacks}; selected: {selected}.
Try `pulumi preview -s {selected}`, `pulumi up -s {selected}`, `pulumi stack ls`. `exit` leaves{ending}.
`AWS_ACCESS_KEY_ID=<account> AWS_REGION=<Region> aws …` is the root of an account.
"""


def run_shell(workspace: Workspace, *, stops_cloud: bool) -> int:
    """Runs the user's shell, or, where standard input is not a terminal, the commands that arrive there.

    Returns the exit code of the first command that fails: like every script that must not go on half done, the
    commands stop there. An interactive shell returns 0, since its user has seen what failed.
    """
    selected = select_stack(workspace)
    if not sys.stdin.isatty():
        return _run([_posix_shell(), "-e"], workspace)
    ending = " and stops the local cloud" if stops_cloud else "; the local cloud stays up"
    print(
        BANNER.format(
            endpoint=workspace.environment["AWS_ENDPOINT_URL"],
            stacks=", ".join(workspace.project.stacks) or "none",
            selected=selected or "none",
            ending=ending,
        )
    )
    # ^C is for what runs in the shell, whose waiting parent must not take the cloud down.
    with tempfile.TemporaryDirectory() as temporary, contextlib.suppress(KeyboardInterrupt):
        _run(interactive_command(workspace, Path(temporary)), workspace, HANGING_UP)
    return 0


def select_stack(workspace: Workspace) -> str | None:
    """Selects a stack, so that `pulumi refresh` works as typed; None when the project has none.

    One that another shell on the same cloud has selected stays.
    """
    stacks = workspace.project.stacks
    if not stacks:
        return None
    selected = _pulumi(workspace, "stack", "--show-name", stderr=subprocess.DEVNULL).strip()
    if selected in stacks:
        return selected
    stack = DEFAULT_STACK if DEFAULT_STACK in stacks else stacks[0]
    _pulumi(workspace, "stack", "select", stack)
    return stack


def _pulumi(workspace: Workspace, *arguments: str, **options: Any) -> str:
    """What the CLI prints; it says on standard error what is wrong, and the shell opens all the same."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        ["pulumi", *arguments, "--non-interactive"],
        cwd=workspace.project.folder,
        env=workspace.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        **options,
    )
    return done.stdout


def interactive_command(workspace: Workspace, folder: Path) -> list[str]:
    """The user's shell. bash gets a start-up file, made in `folder`: the user's own may put others first on PATH."""
    shell = workspace.environment.get("SHELL") or _posix_shell()
    if Path(shell).name != "bash":
        return [shell]
    start_up = folder / "bashrc"
    start_up.write_text(
        '[ -f ~/.bashrc ] && . ~/.bashrc\nPATH="$TRIBUTARY_PATH:$PATH"\nPS1="(tributary) $PS1"\n', encoding="utf-8"
    )
    first = os.pathsep.join(workspace.environment["PATH"].split(os.pathsep)[:2])
    workspace.environment["TRIBUTARY_PATH"] = first
    return [shell, "--rcfile", str(start_up), "-i"]


def _posix_shell() -> str:
    return shutil.which("bash") or "/bin/sh"


def _run(command: list[str], workspace: Workspace, signals: Mapping[int, int] = GRACEFUL) -> int:
    with attended(command, signals, stdin=None, cwd=workspace.project.folder, env=workspace.environment) as shell:
        pass
    return exit_code(shell)
