"""Keeps, beside a local cloud, the process that the engine's Python processes are forked from (`preloaded`).

It is started when it is asked for the first time, so that a cloud without an engine has none, and ends with the process
that keeps it.
"""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path

from localcloud.engine.forking import SUPPORTED, address

PRELOADED = Path(__file__).with_name("preloaded.py")
# What the interpreter reads when it starts; what is forked has an environment of its own.
INHERITED_VARIABLES = ("LANG", "LC_ALL", "LC_CTYPE", "PATH")


def keep(port: int) -> None:
    """Listens from now on for those who work with the local cloud at this port."""
    if not SUPPORTED:
        return
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(address(port))
    except OSError:  # somebody's else: without it everything takes longer, and works
        listener.close()
        return
    listener.listen()
    threading.Thread(target=_serve, args=(listener,), name="preloaded", daemon=True).start()


def _serve(listener: socket.socket) -> None:
    """Runs the process whenever somebody waits for it, until it fails."""
    with listener, contextlib.suppress(OSError):
        ended = 0
        while ended == 0:
            select.select([listener], [], [])
            ended = subprocess.Popen(
                [sys.executable, "-P", str(PRELOADED), str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
                env={name: os.environ[name] for name in INHERITED_VARIABLES if name in os.environ},
            ).wait()
