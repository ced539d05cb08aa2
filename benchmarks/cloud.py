"""A local cloud for the time of a comparison, with the factories of the integration tests."""

import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.factories import Factories
from localcloud import server

POLL_S = 0.05
LONGEST_S = 600.0


@dataclass(frozen=True)
class Bench:
    """`make` makes resources, `clients(account_id)` are an account's administrator."""

    endpoint: str
    make: Factories
    clients: Callable[[str], Clients]


@contextmanager
def benchmark_cloud() -> Iterator[Bench]:
    """One local cloud; everything goes when the block ends."""
    with server.start() as running, tempfile.TemporaryDirectory() as folder:
        cloud = Cloud("local", running.endpoint, Path(folder))
        known: dict[str, Clients] = {}

        def clients(account_id: str) -> Clients:
            return known.setdefault(account_id, cloud.clients(cloud.session(account_id), account_id))

        make = Factories(clients, lambda prefix: f"{prefix}-{secrets.token_hex(4)}", lambda *_args, **_kwargs: None)
        yield Bench(running.endpoint, make, clients)


def seconds_until(done: Callable[[], bool]) -> float:
    """Seconds until `done()` holds. Raises TimeoutError after ten minutes."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > LONGEST_S:
            raise TimeoutError(f"not done after {LONGEST_S:.0f} s")
        time.sleep(POLL_S)
    return time.monotonic() - began
