"""A command that `tributary` runs gets every signal as if it had been typed by itself, and does not outlive it."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration_tests.support.waiting import eventually
from localcloud.engine import launcher

pytestmark = pytest.mark.local

# What Pulumi does: it goes on after the first ^C or SIGTERM until what is under way is done, and ends at the second.
SLOW = """#!{python} -P
import os, signal, sys, threading
second = threading.Event()
seen = []
def stop(number, frame):
    seen.append(signal.Signals(number).name)
    open("seen", "w").write(" ".join(seen))
    second.set() if len(seen) > 1 else None
signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
open("pid", "w").write(str(os.getpid()))
while not second.is_set() and not os.path.exists("done"):
    second.wait(0.02)
sys.exit(3 if second.is_set() else 1)
"""
UP = "from operations import cli; cli.main(['up', 'dev', '--yes'])"
FILE = """config:
  aws:region: eu-west-1
  aws:allowedAccountIds: ["999999999999"]
  tributary:architectures: {copy: {kind: cross-account-copy/target, writer: {accountId: "111111111111"}}}
"""
Started = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose `pulumi up` takes until there is a file `done`, and answers all else at once."""
    (tmp_path / "Pulumi.dev.yaml").write_text(FILE)
    (tmp_path / "slow").write_text(SLOW.format(python=sys.executable))
    config = '{"aws:region": {"value": "eu-west-1"}, "aws:allowedAccountIds": {"value": "[\\"999999999999\\"]"}, '
    config += '"tributary:architectures": {"value": "{\\"c\\": {\\"kind\\": \\"cross-account-copy/target\\", '
    config += '\\"writer\\": {\\"accountId\\": \\"111111111111\\"}}}"}}'
    (tmp_path / "config").write_text(config)
    (tmp_path / "state").write_text('{"deployment": {}}')
    (tmp_path / "pulumi").write_text(
        '#!/bin/sh\ncase "$*" in *config*) cat config;; *"stack ls"*) echo "[]";; *export*) cat state;; '
        '*" preview "*) echo "{}";; '
        "up*) exec ./slow;; esac\n"
    )
    for name in ("slow", "pulumi"):
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def started(folder: Path) -> Iterator[Started]:
    """Runs Python in the folder until its slow child is at work."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        processes.append(process)
        eventually(lambda: (folder / "pid").exists() or process.poll() is not None, timeout=60)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


def seen(folder: Path) -> str:
    return (folder / "seen").read_text() if (folder / "seen").exists() else ""


@pytest.mark.parametrize("way", ["tributary", "launcher"])
@pytest.mark.parametrize(("number", "arrives"), [("SIGINT", "SIGINT"), ("SIGTERM", "SIGTERM"), ("SIGHUP", "SIGTERM")])
def test_the_first_signal_is_waited_out_and_the_second_ends_it(
    way: str, number: str, arrives: str, folder: Path, started: Started
) -> None:
    command = ("-c", UP) if way == "tributary" else ("-P", launcher.__file__, str(folder / "slow"))
    process = started(*command)
    process.send_signal(signal.Signals[number])
    eventually(lambda: seen(folder), equals=arrives)
    assert process.poll() is None, "it ended before its child"
    process.send_signal(signal.Signals[number])
    assert process.wait(timeout=20) == (128 + signal.Signals[number] if way == "tributary" else 3)
    assert seen(folder) == f"{arrives} {arrives}"


def test_what_is_under_way_comes_to_its_end_after_one_interrupt(folder: Path, started: Started) -> None:
    process = started("-c", UP)
    process.send_signal(signal.SIGINT)
    eventually(lambda: seen(folder), equals="SIGINT")
    (folder / "done").touch()
    assert process.wait(timeout=20) == 130
    assert seen(folder) == "SIGINT"


@pytest.mark.parametrize("way", ["tributary", "launcher"])
def test_an_interrupt_at_a_terminal_arrives_once(way: str, folder: Path) -> None:
    """The terminal sends ^C to everybody in the foreground: whoever waits must not send it again."""
    command = ["-c", UP] if way == "tributary" else ["-P", launcher.__file__, str(folder / "slow")]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        os.execve(sys.executable, [sys.executable, *command], {**os.environ, "PATH": path})
    eventually(lambda: (folder / "pid").exists(), timeout=60)
    os.write(terminal, b"\x03")
    eventually(lambda: seen(folder), equals="SIGINT")
    (folder / "done").touch()
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == (130 if way == "tributary" else 1)
    assert seen(folder) == "SIGINT"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
@pytest.mark.parametrize("way", ["tributary", "launcher"])
def test_a_parent_that_is_killed_takes_its_child_along_gently(way: str, folder: Path, started: Started) -> None:
    process = started(*(("-c", UP) if way == "tributary" else ("-P", launcher.__file__, str(folder / "slow"))))
    process.kill()
    eventually(lambda: seen(folder), equals="SIGTERM")
    (folder / "done").touch()
    pid = (folder / "pid").read_text()
    eventually(lambda: not Path(f"/proc/{pid}/exe").exists())


@pytest.mark.parametrize("command", ["up", "destroy"])
def test_a_script_is_not_asked(command: str, folder: Path) -> None:
    """Its next lines are commands and no answers: nothing is begun, and nothing of them is read."""
    script = f"from operations import cli; cli.main(['{command}', 'dev'])"
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PULUMI_SKIP_CONFIRMATIONS", None)
    shell = subprocess.run(
        ["sh"], input=f'{sys.executable} -c "{script}"\necho next line\n', cwd=folder, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert shell.stdout == "next line\n"
    assert "standard input is no terminal. Nothing was done. Type the same command with `--yes`." in shell.stderr
    assert not (folder / "pid").exists()
