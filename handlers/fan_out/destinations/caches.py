"""What the addresses of caches have in common: a host and a port in the function's own network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from handlers.fan_out.contract import WrongRowError

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["Endpoint", "endpoint_of", "no_role_of"]


class Endpoint(NamedTuple):
    """Where a cache listens."""

    host: str
    port: int


_ENDPOINT = r"(?P<host>[\w-]+(?:\.[\w-]+)*)(?::(?P<port>\d{1,5}))?"


def endpoint_of(row: Row, address: str, port: int, right: str) -> Endpoint:
    """The endpoint that an address is, on `port` unless it names another; `right` is for the WrongRowError."""
    found = re.fullmatch(_ENDPOINT, address, re.ASCII)
    if found is None or not 0 < int(found["port"] or port) < 65_536:
        raise WrongRowError("destination", f"destination is {row.destination!r}; it must be {right}")
    return Endpoint(found["host"], int(found["port"] or port))


def no_role_of(row: Row) -> None:
    """Caches are reached through the network alone: an identity in the row would have no meaning."""
    for option, value in (("role", row.role), ("region", row.region)):
        if value:
            raise WrongRowError(
                option,
                f"{option} is given, but a target of type {row.type} is in the function's own network; leave it out",
            )
