"""Has the engine's Python processes forked from one that has the SDK imported (`preloaded`), which a local cloud keeps.

A language host or a plugin is started as `python -I -S forking.py -m <module> …`: this process stands for the one that
was forked, which ends with it. Where no local cloud keeps such a process, it turns into `python -P -m <module> …`. The
address is an abstract one (https://man7.org/linux/man-pages/man7/unix.7.html), which Linux alone has, so there is no
file to be left behind.

It runs for every host and plugin, so it imports little.
"""

import os
import signal
import socket
import struct
import sys
import threading
import zlib
from collections.abc import Mapping, Sequence

SUPPORTED = sys.platform == "linux"
STANDARD_DESCRIPTORS = (0, 1, 2)
NUMBER = struct.Struct(">i")
# The first one waits until the SDK is imported; no one longer than that takes on a machine that does much else.
START_TIMEOUT_S = 60.0
POLL_S = 0.5


class Forked:
    """A process that was forked: it ends when this process does, or closes the connection."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.pid = pid
        self._connection = connection
        self._code: int | None = None
        self._asking = threading.Lock()

    def wait(self, timeout_s: float | None = None) -> int:
        """The exit code; a negative one is a signal's number. Raises TimeoutError."""
        with self._asking:
            self._connection.settimeout(timeout_s)
            if self._code is None:
                answer = self._connection.recv(NUMBER.size)
                # Without an answer the process that it was forked from is gone, and it is with it.
                self._code = int(NUMBER.unpack(answer)[0]) if answer else -signal.SIGKILL
            return self._code

    def kill(self) -> None:
        """End it, whatever it is doing."""
        try:
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # it has ended


def fork(
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: str,
    descriptors: Sequence[int] = STANDARD_DESCRIPTORS,
) -> Forked | None:
    """Does what `python -P <words>` does, in a fork; None where there is nothing to be forked.

    `descriptors` become the process's own, from 0.
    """
    connection = _connected(environment.get("AWS_ENDPOINT_URL", ""))
    if connection is None:
        return None
    variables = [f"{name}={value}" for name, value in environment.items()]
    message = "\0".join([folder, str(_mask()), str(len(words)), *words, *variables])
    connection.settimeout(START_TIMEOUT_S)
    try:
        socket.send_fds(connection, [os.fsencode(message)], descriptors)
        answer = connection.recv(NUMBER.size)
    except OSError:
        answer = b""
    if not answer:
        connection.close()
        return None
    return Forked(connection, NUMBER.unpack(answer)[0])


def reachable(environment: Mapping[str, str]) -> bool:
    """Whether there is a process to be forked."""
    connection = _connected(environment.get("AWS_ENDPOINT_URL", ""))
    if connection is not None:
        connection.close()
    return connection is not None


def address(port: int | str) -> str:
    """Where the process of the local cloud at this port is asked, by what belongs to the same checkout and user."""
    checkout = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return f"\0tributary-{os.getuid()}-{zlib.crc32(checkout.encode())}-{port}"


def _connected(endpoint: str) -> socket.socket | None:
    port = endpoint.rstrip("/").rpartition(":")[2]
    if not SUPPORTED or not port.isdigit():
        return None
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(address(port))
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    except OSError:
        connection.close()
        return None
    # Any user may listen at an abstract address: https://man7.org/linux/man-pages/man7/unix.7.html (SO_PEERCRED).
    if struct.unpack("3i", credentials)[1] != os.getuid():
        connection.close()
        return None
    return connection


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def main(words: list[str]) -> None:
    """Stands for the forked process until it or the parent ends, or becomes a process of its own."""
    parent = os.getppid()
    forked = fork(words, os.environ, os.getcwd())
    if forked is None:
        os.execv(sys.executable, [sys.executable, "-P", *words])
    # What was forked is no child of this process: it is ended with the connection.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    while os.getppid() == parent:
        try:
            code = forked.wait(POLL_S)
        except TimeoutError:
            continue
        os._exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(sys.argv[1:])
