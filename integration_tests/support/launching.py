"""Starts one local cloud for one pytest-xdist worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud import server
from localcloud.programs import LOCAL_CLOUD, PLAIN_EMULATOR

# The targets that are started here; `plain` shows what the additions are worth.
PROGRAMS = {"local": LOCAL_CLOUD, "plain": PLAIN_EMULATOR}


@contextmanager
def launched(target: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Run an emulator while the block runs; yields its endpoint and its log. Raises StartError with the log's end."""
    with server.start(folder=folder, program=PROGRAMS[target]) as cloud:
        assert cloud.log is not None
        yield cloud.endpoint, cloud.log
