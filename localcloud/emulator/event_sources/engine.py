"""The mappings at work, by id; where the API and the reset reach them."""

import asyncio
import threading
from typing import Any

from localcloud.emulator.event_sources.mapping import Mapping

# How often a mapping says that it polls: as a lane waits to be woken, it asks for nothing in between.
POLLED_S = 10.0
# How long the API shows a passing state (Creating, Enabling, Disabling, Updating) at least.
PASSING_STATE_S = 0.05

_lock = threading.Lock()
_mappings: dict[str, Mapping] = {}


def prepare(account_id: str, region: str, record: dict[str, Any]) -> Mapping:
    """A mapping whose positions are taken now, and which does nothing yet. Raises SourceNotFoundError."""
    return Mapping(account_id, region, record, _forget)


def put_to_work(mapping: Mapping) -> None:
    """Begin with a prepared mapping, unless it is disabled."""
    with _lock:
        _mappings[mapping.id] = mapping
    mapping.start()
    change(mapping)


def find(mapping_id: str) -> Mapping | None:
    return _mappings.get(mapping_id)


def change(mapping: Mapping) -> None:
    """Take over what the mapping's record says now. To be called on the event loop."""
    mapping.apply()
    asyncio.get_running_loop().call_later(PASSING_STATE_S, mapping.settle)


def remove(mapping: Mapping) -> None:
    """Stop the mapping and forget it once nothing is in flight. To be called on the event loop."""
    mapping.stop()
    asyncio.get_running_loop().call_later(PASSING_STATE_S, mapping.settle)


def polled() -> None:
    """Have every mapping that polls say so."""
    for mapping in tuple(_mappings.values()):
        mapping.polled()


def poll_for_ever() -> None:
    """To be run in a thread of its own."""
    pause = threading.Event()
    while not pause.wait(POLLED_S):
        polled()


def stop_all() -> None:
    """Forget everything, as a reset does."""
    with _lock:
        mappings = list(_mappings.values())
        _mappings.clear()
    for mapping in mappings:
        mapping.stop()


def _forget(mapping: Mapping) -> None:
    from ministack.services import lambda_svc

    with _lock:
        known = _mappings.pop(mapping.id, None)
    if known is mapping:
        lambda_svc._esms.pop_scoped(*mapping.scope, mapping.id, None)
