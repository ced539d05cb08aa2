"""Runs a server for as long as a block lasts."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from integration_tests.support.waiting import eventually
from localcloud.engine.processes import die_with_parent
from localcloud.ports import LOOPBACK

STOP_TIMEOUT_S = 10
# A Java process on a machine that is busy with other workers takes its time.
START_TIMEOUT_S = 240.0


@contextmanager
def running(words: Sequence[str | Path], log: Path, is_up: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once it `is_up`. Raises AssertionError with the end of its log when it is not."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent,
        )
    try:

        def up() -> bool:
            if process.poll() is not None:
                raise RuntimeError(f"`{words[0]}` ended with {process.returncode}: {log.read_text()[-2000:]}")
            return is_up()

        eventually(up, timeout=START_TIMEOUT_S, retry=(OSError,))
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listens(port: int) -> bool:
    """Whether somebody accepts connections on the port of this machine."""
    with socket.create_connection((LOOPBACK, port), 1.0):
        return True
