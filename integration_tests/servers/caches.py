"""Redis and Memcached: Debian's packages, each on a free port of this machine, without persistence."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from integration_tests.servers.processes import listens, running
from localcloud.ports import LOOPBACK, free_port
from localcloud.setup_steps import SERVER_PACKAGES, install_command


class Cache:
    """A server that can be stopped and started again, empty, on the same port."""

    def __init__(self, words: list[str], port: int, log: Path) -> None:
        self.port = port
        self.address = f"{LOOPBACK}:{port}"
        self._words = words
        self._log = log
        self._stack = ExitStack()

    def start(self) -> None:
        self._stack.enter_context(running(self._words, self._log, lambda: listens(self.port)))

    def stop(self) -> None:
        """Its values are gone."""
        self._stack.close()


@contextmanager
def redis(folder: Path, *options: str) -> Iterator[Cache]:
    """A Redis server; `options` are more of its command line."""
    port = free_port()
    words = ["redis-server", "--port", str(port), "--bind", LOOPBACK, "--save", "", "--appendonly", "no"]
    with _cache([*words, "--dir", str(folder), *options], port, folder) as cache:
        yield cache


@contextmanager
def memcached(folder: Path) -> Iterator[Cache]:
    """A Memcached server, as a user who is not root."""
    port = free_port()
    with _cache(["memcached", "-u", "nobody", "-l", LOOPBACK, "-p", str(port), "-m", "64"], port, folder) as cache:
        yield cache


@contextmanager
def _cache(words: list[str], port: int, folder: Path) -> Iterator[Cache]:
    if shutil.which(words[0]) is None:
        pytest.skip(f"needs `{words[0]}`: {install_command(SERVER_PACKAGES)}")
    cache = Cache(words, port, folder / f"{words[0]}-{port}.log")
    cache.start()
    try:
        yield cache
    finally:
        cache.stop()
