"""What holds for every test, whatever the environment says.

Bytecode is kept for the next run: to compile what is imported takes a minute. How long an example of a property takes,
or is made, is the machine's: it decides nothing.

`-n auto` takes WORKERS_A_CORE workers a core: a story waits for buffers, mappings and processes most of its time.
"""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

WORKERS_A_CORE = 2

# Here for this process; in the environment for what the tests start.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# On top of Hypothesis' own profile, which makes the same examples each time where CI is set.
settings.register_profile(
    "machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("machine")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many workers `-n auto` takes."""
    return WORKERS_A_CORE * (os.cpu_count() or 1)
