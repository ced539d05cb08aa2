"""What the tests of the fan-out share."""

import os
import random
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _on_one_core() -> Iterator[None]:
    """Actors take their steps one at a time: to wake a thread on another core takes six times as long as all else.

    Where the system can tell a process its cores (Linux).
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {random.choice(sorted(cores))})
    yield
    os.sched_setaffinity(0, cores)
