"""ElastiCache for Memcached: a value under the key of each record, at the node that the key is for.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/WhatIs.Components.html
"""

from __future__ import annotations

import re
import ssl
import time
from collections import defaultdict
from collections.abc import Sequence
from hashlib import md5, sha256
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from handlers.fan_out.contract import Access, Destination, Limits, Refused, Send, Unit
from handlers.fan_out.destinations.addresses import (
    flag_of,
    number_of,
    options_among,
)
from handlers.fan_out.destinations.caches import Endpoint, endpoint_of, no_role_of
from handlers.fan_out.destinations.discovery import nodes_of
from handlers.shared.clients import connect_timeout_s
from handlers.shared.errors import Cause

if TYPE_CHECKING:
    from pymemcache.client.base import PooledClient

    from handlers.fan_out.rows import Row

__all__ = ["DESTINATION"]

PORT = 11_211
# How old the list of nodes may be, as in ElastiCache's own clients.
REFRESH_S = 60
# Of an item with its key and what memcached itself needs for it, unless `max_item_size` says otherwise.
# https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/ParameterGroups.Engine.html#ParameterGroups.Memcached
DEFAULT_BYTES = 1_048_576
MAX_BYTES = 128 * 1_048_576
ITEM_BYTES = 100
# Of ours: what goes out in one call before its answers are read.
CALL_ITEMS = 1_000
CALL_BYTES = 8 * 1_048_576
# https://github.com/memcached/memcached/blob/master/doc/protocol.txt (Keys; Expiration times: more are a date)
_KEY = re.compile(rb"[^\x00-\x20\x7f]{1,250}")
MAX_TTL_S = 30 * 86_400
_RIGHT = "the endpoint of a cluster, like orders.a1b2c3.cfg.euw1.cache.amazonaws.com:11211"


class _Cluster(NamedTuple):
    endpoint: Endpoint
    tls: bool
    ttl_s: int
    max_bytes: int


def _parse(row: Row) -> _Cluster:
    options_among(row, ["tls", "ttlSeconds", "maxBytes"])
    no_role_of(row)
    return _Cluster(
        endpoint_of(row, row.destination, PORT, _RIGHT),
        # A serverless cache has no other way.
        # https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/in-transit-encryption-mc.html
        flag_of(row, "tls", ".serverless." in row.destination),
        number_of(row, "ttlSeconds", 0, 0, MAX_TTL_S),
        number_of(row, "maxBytes", DEFAULT_BYTES, 1024, MAX_BYTES),
    )


class _Nodes:
    """The nodes of a cluster, looked up when the list is old or one of them failed, and a client of each."""

    def __init__(self, cluster: _Cluster, answer_s: float) -> None:
        self._cluster, self._answer_s = cluster, answer_s
        self._connect_s = connect_timeout_s(answer_s)
        self._tls = ssl.create_default_context() if cluster.tls else None
        self._nodes: list[Endpoint] = []
        self._known_at = 0.0
        self._clients: dict[Endpoint, PooledClient] = {}
        self._lock = Lock()

    def now(self) -> list[Endpoint]:
        """Raises OSError."""
        with self._lock:
            if not self._nodes or time.monotonic() - self._known_at > REFRESH_S:
                self._nodes = nodes_of(self._cluster.endpoint, self._connect_s, self._tls)
                self._known_at = time.monotonic()
            return self._nodes

    def forget(self) -> None:
        with self._lock:
            self._nodes = []

    def client(self, node: Endpoint) -> PooledClient:
        # Imported with the first target of this type alone.
        from pymemcache.client.base import PooledClient

        with self._lock:
            if node not in self._clients:
                self._clients[node] = PooledClient(
                    tuple(node),
                    connect_timeout=self._connect_s,
                    timeout=self._answer_s,
                    no_delay=True,
                    allow_unicode_keys=True,
                    default_noreply=False,
                    tls_context=self._tls,
                )
            return self._clients[node]


def _open(_row: Row, cluster: _Cluster, access: Access) -> Send:
    nodes = _Nodes(cluster, access.answer_s)

    def send(units: Sequence[Unit]) -> Sequence[Refused]:
        there = nodes.now()
        parts: dict[Endpoint, list[Unit]] = defaultdict(list)
        for unit in units:
            parts[_node_of(_key(unit), there)].append(unit)
        refused = [one for node, part in parts.items() for one in _set(nodes.client(node), part, cluster.ttl_s)]
        if refused:
            nodes.forget()
        return refused

    return send


def _set(client: PooledClient, units: Sequence[Unit], ttl_s: int) -> list[Refused]:
    """Sets the values of one node. Of two with one key in a call the later one stays."""
    from pymemcache.exceptions import MemcacheError

    try:
        failed = set(client.set_many({_key(unit): unit.body for unit in units}, expire=ttl_s))
    except (MemcacheError, OSError) as error:
        cause, reason = _cause_of(error)
        return [Refused(unit, cause, reason) for unit in units]
    return [Refused(unit, Cause.TRANSIENT, "NOT_STORED") for unit in units if _key(unit) in failed]


def _cause_of(error: Exception) -> tuple[Cause, str]:
    """What a failed call means; which of its items is at fault is found by sending fewer."""
    from pymemcache.exceptions import MemcacheClientError, MemcacheUnknownCommandError

    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, TimeoutError):
        return Cause.SLOW, reason
    if isinstance(error, MemcacheUnknownCommandError):
        return Cause.REFUSED, reason
    if isinstance(error, MemcacheClientError) or "too large" in reason:
        return Cause.RECORD, reason
    return Cause.TRANSIENT, reason


def _key(unit: Unit) -> bytes:
    """The record's key, where memcached takes it, else the SHA-256 of it in hexadecimal digits."""
    key = unit.key.encode()
    return key if _KEY.fullmatch(key) else sha256(key).hexdigest().encode()


def _node_of(key: bytes, nodes: Sequence[Endpoint]) -> Endpoint:
    """As the original spreads keys: by the first byte of their MD5, over ranges in the order of the list."""
    first = md5(key, usedforsecurity=False).digest()[0]
    return next((nodes[at - 1] for at in range(1, len(nodes)) if 256 * at // len(nodes) > first), nodes[-1])


DESTINATION = Destination(
    parse=_parse,
    open=_open,
    limits=lambda cluster: Limits(
        CALL_ITEMS, max(CALL_BYTES, cluster.max_bytes), cluster.max_bytes, lambda unit: len(_key(unit)) + ITEM_BYTES
    ),
    grants=lambda _row, _cluster: None,
    in_network=True,
)
