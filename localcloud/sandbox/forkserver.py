"""Starts sandboxes by forking them from a process that has the AWS SDK imported: tens of milliseconds, not hundreds.

Where a process cannot be forked so (anything but Linux), `process` starts an interpreter for each sandbox.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

from localcloud.sandbox import preloaded
from localcloud.sandbox.software import sdk_folder

SUPPORTED = sys.platform == "linux"
START_TIMEOUT_S = 30.0


class ForkedProcess:
    """A sandbox's process, with the few methods of a Popen that are used; it is a child of the fork server."""

    def __init__(self, pid: int, status_fd: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._status_fd = status_fd
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code. Raises subprocess.TimeoutExpired."""
        with self._lock:
            if self.returncode is None:
                if not select.select([self._status_fd], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired("sandbox", timeout or 0)
                status = os.read(self._status_fd, preloaded.STATUS.size)
                # An empty pipe: the fork server is gone, and its children were killed with it or are orphans.
                self.returncode = preloaded.STATUS.unpack(status)[0] if status else -signal.SIGKILL
                os.close(self._status_fd)
            return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                return


class ForkServer:
    """The preloaded process, started when the first sandbox is wanted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def prepare(self) -> None:
        """Start the preloaded process, if it does not run, without waiting for it or for anybody who uses it."""
        if self._lock.acquire(blocking=False):
            try:
                self._ensure()
            finally:
                self._lock.release()

    def start(
        self, init: dict[str, Any], root: str, environment: dict[str, str], control_fd: int, log_fd: int
    ) -> ForkedProcess:
        """Fork a sandbox that uses these descriptors. Raises OSError when that is not possible."""
        message = json.dumps({"init": init, "root": root, "environment": environment}).encode()
        status_read, status_write = os.pipe()
        try:
            with self._lock:
                pid = self._fork(message, [control_fd, log_fd, status_write])
        except OSError:
            os.close(status_read)
            raise
        finally:
            os.close(status_write)
        return ForkedProcess(pid, status_read)

    def _fork(self, message: bytes, descriptors: list[int]) -> int:
        """Ask for a sandbox; returns its process id. After a failure the next is asked of a new preloaded process."""
        connection = self._ensure()
        try:
            socket.send_fds(connection, [message], descriptors)
            answer = connection.recv(preloaded.STATUS.size)
            if not answer:
                raise ConnectionError("the process that sandboxes are forked from has ended")
        except OSError:
            connection.close()
            self._socket = None
            raise
        pid: int = preloaded.STATUS.unpack(answer)[0]
        return pid

    def _ensure(self) -> socket.socket:
        if self._socket is not None and self._process is not None and self._process.poll() is None:
            return self._socket
        if self._socket is not None:
            self._socket.close()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(START_TIMEOUT_S)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", preloaded.__file__, str(theirs.fileno()), sdk_folder()],
                env={"LANG": "en_US.UTF-8", "TZ": ":UTC"},
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        return self._socket


SERVER = ForkServer()
