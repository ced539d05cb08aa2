"""The process that the engine's Python processes are forked from: the SDK is imported here, once for all of them.

Importing it is most of what a program, a language host or a plugin does, and each of them is started for every
command. A connection to the listening socket (its descriptor is the argument) carries a request (`Request.read`) and
the descriptors that become the new process's first ones; the answers are its process id and, when it has ended, its
exit code. A connection that is closed ends its process, and the end of standard input, which is the local cloud's, ends
all of them.

Nothing of this project is imported here, nor of a program: what a fork runs is read when it runs. This file is
executed by path.
"""

import atexit
import contextlib
import fcntl
import gc
import importlib
import io
import os
import runpy
import select
import signal
import socket
import struct
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

PRELOADED = ("grpc", "pulumi", "pulumi_aws", "pydantic.main", "pydantic.types", "boto3", "yaml")
# Its packages are imported at first use, which is most of a program's time: here, once a program has used them.
LAZY = "pulumi_aws"
# Variables that are read when the interpreter starts or the SDK is imported, and those of them that a fork can follow:
# https://docs.python.org/3/using/cmdline.html#environment-variables
READ_EARLY = ("PYTHON", "TRACEPARENT")
FOLLOWED = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
NUMBER = struct.Struct(">i")
MAX_MESSAGE_BYTES = 1 << 20
MAX_DESCRIPTORS = 8
MESSAGE_TIMEOUT_S = 5.0
ABOVE_ALL = 1 << 10  # a number that no descriptor of this process reaches
# What is imported stays: looking for garbage in it after every 700 objects takes a quarter of a program's time.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main(descriptor: int) -> None:
    """Forks until standard input ends."""
    gc.disable()
    listener, installed = socket.socket(fileno=descriptor), last_installed()
    for name in PRELOADED:
        importlib.import_module(name)
    # Collections would write to every object, and so copy the pages that the forks share.
    gc.freeze()
    Forks(listener, installed).serve()


@dataclass(frozen=True)
class Request:
    """A process that is wanted: `words` are the interpreter's arguments, `-m module …` or `file …`."""

    folder: str
    mask: int
    words: list[str]
    environment: dict[str, str]

    @classmethod
    def read(cls, message: bytes) -> "Request":
        """Of folder, mask, number of words, words and variables, with a null byte between them."""
        folder, mask, count, *rest = os.fsdecode(message).split("\0")
        words, variables = rest[: int(count)], rest[int(count) :]
        return cls(folder, int(mask), words, dict(variable.split("=", 1) for variable in variables))


class Forks:
    """The processes that run, by the connections that asked for them."""

    def __init__(self, listener: socket.socket, installed: int) -> None:
        self._listener = listener
        self._installed = installed
        self._running: dict[socket.socket, int] = {}
        self._imported = {LAZY}
        self._used, self._uses = os.pipe()
        self._ended, wake = os.pipe()
        for pipe in (self._ended, wake):
            os.set_blocking(pipe, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)

    def serve(self) -> None:
        """Returns, with every process ended, when nobody owns this one any more."""
        owner = sys.stdin.fileno()
        while True:
            ready = select.select([owner, self._ended, self._used, self._listener, *self._running], [], [])[0]
            if owner in ready:
                break
            if self._ended in ready:
                os.read(self._ended, 4096)
                self._reap()
            for connection in self._running.keys() & set(ready):
                os.kill(self._running[connection], signal.SIGKILL)
            if self._listener in ready:
                self._answer(self._listener.accept()[0])
            elif self._used in ready:
                self._import(os.read(self._used, select.PIPE_BUF).decode().split())
        for pid in self._running.values():
            os.kill(pid, signal.SIGKILL)

    def _answer(self, connection: socket.socket) -> None:
        """Fork for a connection; one that asks for nothing, or is another user's, is closed."""
        connection.settimeout(MESSAGE_TIMEOUT_S)
        message, descriptors = b"", list[int]()
        with contextlib.suppress(OSError):
            message, descriptors, _, _ = socket.recv_fds(connection, MAX_MESSAGE_BYTES, MAX_DESCRIPTORS)
        if message and peer(connection) == os.getuid():
            request = Request.read(message)
            if (pid := os.fork()) == 0:
                become(request, descriptors, self._uses, self._installed)
            self._running[connection] = pid
            tell(connection, pid)
        else:
            connection.close()
        for descriptor in descriptors:
            os.close(descriptor)

    def _reap(self) -> None:
        for connection, pid in list(self._running.items()):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                del self._running[connection]
                tell(connection, os.waitstatus_to_exitcode(status))
                connection.close()

    def _import(self, packages: Iterable[str]) -> None:
        """Import what a program has used, for the next one."""
        for name in set(packages) - self._imported:
            self._imported.add(name)
            with contextlib.suppress(ImportError):
                # It is executed when somebody looks for an attribute.
                getattr(importlib.import_module(name), "__all__", None)
        gc.freeze()


def peer(connection: socket.socket) -> int:
    """The user at the other end: https://man7.org/linux/man-pages/man7/unix.7.html (SO_PEERCRED)."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def tell(connection: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        connection.send(NUMBER.pack(number))


def become(request: Request, descriptors: list[int], uses: int, installed: int) -> NoReturn:
    """Turn this fork into the process that is wanted. `installed` is what `last_installed` was before the imports."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        uses = settle(descriptors, uses)
        os.umask(request.mask)
        os.chdir(request.folder)
        if not suits(request, installed):
            os.execve(sys.executable, [sys.executable, "-P", *request.words], request.environment)
        before = lazily_imported()
        execute(request.words, request.environment)
        code = 0
        os.write(uses, " ".join(lazily_imported() - before).encode()[: select.PIPE_BUF])
    except SystemExit as stopped:
        code = stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        # As an interpreter ends: threads, then functions, then what is buffered.
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def settle(descriptors: list[int], kept: int) -> int:
    """Give the descriptors their numbers, from 0; closes all others but `kept`, whose new number is returned."""
    kept, *moved = [fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, ABOVE_ALL) for one in (kept, *descriptors)]
    for number, one in enumerate(moved):
        os.dup2(one, number)
        os.close(one)
    os.closerange(len(moved), ABOVE_ALL)
    return kept


def suits(request: Request, installed: int) -> bool:
    """Whether the process would have imported the same modules, had it been started by itself."""
    if installed != last_installed():
        return False
    if any(name.startswith(READ_EARLY) and name not in FOLLOWED for name in request.environment):
        return False
    # What is imported here may not be what the process would find first. With `-m` the folder is not on its path.
    folders = search_path(request.environment) + ([] if request.words[0] == "-m" else [request.folder])
    found = {entry.partition(".")[0] for folder in folders if os.path.isdir(folder) for entry in os.listdir(folder)}
    return found.isdisjoint({name.partition(".")[0] for name in sys.modules} - {"__main__"})


def last_installed() -> int:
    """When a package was installed or removed the last time, in nanoseconds since 1970."""
    return os.stat(sysconfig.get_path("purelib")).st_mtime_ns


def search_path(environment: Mapping[str, str]) -> list[str]:
    return [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]


def lazily_imported() -> set[str]:
    """The packages of `LAZY` of which something is imported: the others are names that stand for nothing yet."""
    return {
        ".".join(name.split(".")[:2]) for name in sys.modules if name.startswith(f"{LAZY}.") and name.count(".") > 1
    }


def execute(words: list[str], environment: Mapping[str, str]) -> None:
    """Do what a new interpreter with these arguments does."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.path[:0] = search_path(environment)
    importlib.invalidate_caches()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process
    unbuffered = bool(environment.get("PYTHONUNBUFFERED"))
    output = open(1, "wb", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(output, write_through=unbuffered)
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    gc.enable()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    by_name = words[0] == "-m"
    name, *arguments = words[1:] if by_name else words
    # What `ps` shows: https://man7.org/linux/man-pages/man5/proc_pid_comm.5.html
    Path("/proc/self/comm").write_text(name.rpartition(".")[2] if by_name else Path(name).stem)
    sys.argv = [name, *arguments]
    if by_name:
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(name, run_name="__main__")


if __name__ == "__main__":
    main(int(sys.argv[1]))
