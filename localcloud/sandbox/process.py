"""A sandbox's process and the two pipes to it: frames in both directions, and what is printed.

The process prints into a pipe before it sends its answer, so when the answer is here, everything printed is in the
pipe: collecting it costs a read, never a wait.
"""

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.sandbox import bootstrap, forkserver
from localcloud.sandbox.forkserver import ForkedProcess

MEMORY_CHECK_INTERVAL_S = 0.05
EXIT_GRACE_S = 2.0
# What a short invocation prints is written once, when it ends.
LIVE_AFTER_S = 1.0


@dataclass(frozen=True)
class Reply:
    """A frame from the sandbox (kinds: see `bootstrap`), or why there is none.

    Without a frame the kind is `T` (time is over), `M` (out of memory) or `X` (the process exited).
    """

    kind: bytes
    payload: bytes = b""


class SandboxProcess:
    """A running bootstrap. `peak_kib` is the most memory it has been seen to use, in KiB."""

    def __init__(self, init: dict[str, Any], root: str, environment: dict[str, str], memory_mb: int) -> None:
        self.peak_kib = 0
        self._limit_kib = memory_mb * 1024
        self._buffer = bytearray()
        self._control, theirs = socket.socketpair()
        self._log_fd, log_write = os.pipe()
        os.set_blocking(self._log_fd, False)
        try:
            with theirs:
                self.popen = _started(init, root, environment, theirs.fileno(), log_write)
        except OSError:
            self._control.close()
            os.close(self._log_fd)
            raise
        finally:
            os.close(log_write)

    @property
    def over_memory(self) -> bool:
        return self.peak_kib > self._limit_kib

    def exchange(
        self, request: bytes | None, timeout_s: float, on_print: Callable[[bytes], None] = lambda _: None
    ) -> tuple[Reply, bytes]:
        """Send a request, if any, and wait for the answer; returns it with everything that was printed until then.

        A request is a JSON object: see `bootstrap`.

        `on_print` gets all that was printed, each time that something is printed by an exchange that takes long.
        """
        started = time.monotonic()
        deadline = started + timeout_s
        if request is not None:
            try:
                self._control.sendall(bootstrap.REQUEST.pack(len(request)) + request)
            except OSError:
                return Reply(b"X"), self._printed()
        log = bytearray()
        self._buffer.clear()
        with selectors.DefaultSelector() as ready:
            ready.register(self._control, selectors.EVENT_READ)
            ready.register(self._log_fd, selectors.EVENT_READ)
            while (left_s := deadline - time.monotonic()) > 0:
                events = ready.select(min(left_s, MEMORY_CHECK_INTERVAL_S))
                if any(key.fd == self._log_fd for key, _ in events):
                    log += self._printed()
                    if time.monotonic() - started > LIVE_AFTER_S:
                        on_print(bytes(log))
                if any(key.fd != self._log_fd for key, _ in events) and (reply := self._received()) is not None:
                    return reply, bytes(log + self._printed())
                if not events and self._uses_too_much():
                    return Reply(b"M"), bytes(log + self._printed())
        return Reply(b"T"), bytes(log + self._printed())

    def _received(self) -> Reply | None:
        """Take what the control socket holds; returns the frame once it is complete."""
        try:
            part = self._control.recv(1 << 20)
        except OSError:
            part = b""
        if not part:
            return Reply(b"X")
        self._buffer += part
        size = bootstrap.HEADER.size
        if len(self._buffer) < size:
            return None
        kind, peak_kib, length = bootstrap.HEADER.unpack(self._buffer[:size])
        if len(self._buffer) < size + length:
            return None
        self.peak_kib = max(self.peak_kib, peak_kib)
        return Reply(kind, bytes(self._buffer[size : size + length]))

    def _printed(self) -> bytes:
        parts = bytearray()
        while True:
            try:
                part = os.read(self._log_fd, 1 << 16)
            except OSError:  # nothing more now
                return bytes(parts)
            if not part:
                return bytes(parts)
            parts += part

    def _uses_too_much(self) -> bool:
        """Look at the resident memory of the process, where the platform shows it."""
        try:
            with open(f"/proc/{self.popen.pid}/statm", "rb") as statm:
                resident_kib = int(statm.read().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)
        except OSError:
            return False
        self.peak_kib = max(self.peak_kib, resident_kib)
        return self.over_memory

    def exit_code(self) -> int | None:
        """The code of a process that has closed its socket; a negative one is a signal's number."""
        try:
            return self.popen.wait(EXIT_GRACE_S)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End the process at once; whoever waits for its answer sees it exit."""
        self.popen.kill()

    def close(self) -> None:
        """End the process and give back what it holds. Only for the thread that exchanges frames with it."""
        self.popen.kill()
        self.popen.wait()
        self._control.close()
        os.close(self._log_fd)


def _started(
    init: dict[str, Any], root: str, environment: dict[str, str], control_fd: int, log_fd: int
) -> ForkedProcess | subprocess.Popen[bytes]:
    """Run the bootstrap in a process of its own: a fork of the preloaded one, or a new interpreter."""
    if forkserver.SUPPORTED:
        return forkserver.SERVER.start(init, root, environment, control_fd, log_fd)
    return subprocess.Popen(
        [sys.executable, "-I", "-S", bootstrap.__file__, str(control_fd), json.dumps(init)],
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log_fd,
        stderr=log_fd,
        pass_fds=(control_fd,),
    )
