"""Starts one local cloud for one pytest-xdist worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud import server

# The emulator's module for each target that is started here; `plain` shows what the additions are worth.
MODULES = {"local": "localcloud.emulator", "plain": "ministack"}


@contextmanager
def launched(target: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Run an emulator while the block runs; yields its endpoint and its log. Raises StartError with the log's end."""
    with server.start(folder=folder, module=MODULES[target]) as cloud:
        assert cloud.log is not None
        yield cloud.endpoint, cloud.log
