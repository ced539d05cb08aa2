"""ElastiCache for Redis OSS and Valkey: a value under the key of each record; TLS, AUTH, cluster mode, time to live.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Endpoints.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers.fan_out.contract import Access, Destination, Limits, Refused, Send, Unit, WrongRowError
from handlers.fan_out.destinations.addresses import (
    Arn,
    flag_of,
    number_of,
    options_among,
)
from handlers.fan_out.destinations.caches import Endpoint, endpoint_of, no_role_of
from handlers.shared.clients import connect_timeout_s
from handlers.shared.errors import Cause

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["DESTINATION"]

PORT = 6_379
# Of ours: values that go together on one connection before their answers are read. Redis takes values of 512 MB; what
# a stream brings is never larger than this. https://redis.io/docs/latest/develop/data-types/strings/
CALL_VALUES = 1_000
CALL_BYTES = 16 * 1_048_576
MAX_TTL_S = 10 * 366 * 86_400
_SCHEMES = {"redis": False, "rediss": True}
_RIGHT = "the primary or configuration endpoint of a cache, like orders.a1b2c3.ng.0001.euw1.cache.amazonaws.com:6379"


class _Cache(NamedTuple):
    """`secret` is the ARN of one in Secrets Manager: a password, or JSON with `username` and `password`."""

    endpoint: Endpoint
    tls: bool
    cluster: bool
    ttl_s: int
    secret: str | None


def _parse(row: Row) -> _Cache:
    options_among(row, ["tls", "cluster", "ttlSeconds", "secret"])
    no_role_of(row)
    scheme, separator, rest = row.destination.partition("://")
    if separator and scheme not in _SCHEMES:
        raise WrongRowError("destination", f"destination is {row.destination!r}; it must be {_RIGHT}")
    endpoint = endpoint_of(row, rest if separator else row.destination, PORT, _RIGHT)
    # What the names of ElastiCache's endpoints tell: master.… and clustercfg.… first are with TLS, as serverless ones.
    serverless = ".serverless." in endpoint.host
    with_tls = endpoint.host.startswith(("master.", "clustercfg.")) or serverless or _SCHEMES.get(scheme, False)
    in_cluster = "clustercfg." in endpoint.host or serverless
    return _Cache(
        endpoint,
        flag_of(row, "tls", with_tls),
        flag_of(row, "cluster", in_cluster),
        number_of(row, "ttlSeconds", 0, 0, MAX_TTL_S),
        _secret_of(row),
    )


def _secret_of(row: Row) -> str | None:
    secret = row.options.get("secret")
    if secret is None:
        return None
    arn = Arn.of(str(secret))
    if arn is None or arn.service != "secretsmanager" or not arn.resource.startswith("secret:"):
        right = "the ARN of a secret, like arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-a1B2c3"
        raise WrongRowError("secret", f"secret must be {right}, and never the password itself")
    return str(secret)


def _client(cache: _Cache, access: Access, _session: Any) -> Any:
    # Imported with the first target of this type alone: it takes a third of a second.
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.cluster import RedisCluster
    from redis.retry import Retry

    options: dict[str, Any] = {
        "host": cache.endpoint.host,
        "port": cache.endpoint.port,
        "ssl": cache.tls,
        # As every version of the engine speaks it.
        "protocol": 2,
        "socket_connect_timeout": connect_timeout_s(access.answer_s),
        "socket_timeout": access.answer_s,
        **(_credentials(access.secret(cache.secret)) if cache.secret else {}),
    }
    # Trying again is not the client's business, nor are messages of the server about its maintenance.
    once = Retry(NoBackoff(), 0)
    if cache.cluster:
        return RedisCluster(**options, retry=once, maint_notifications_config=None)
    return Redis(**options, retry=once, maint_notifications_config=None)


def _credentials(secret: str) -> dict[str, str]:
    try:
        found = json.loads(secret)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return {"password": secret}
    return {name: str(found[name]) for name in ("username", "password") if name in found}


def _open(_row: Row, cache: _Cache, access: Access) -> Send:
    kept = access.kept(("redis", cache, access.answer_s), partial(_client, cache, access))

    def send(units: Sequence[Unit]) -> Sequence[Refused]:
        from redis.exceptions import RedisError

        client = None
        try:
            client = kept.get()
            pipeline = client.pipeline(transaction=False)
            for unit in units:
                pipeline.set(unit.key.encode(), unit.body, ex=cache.ttl_s or None)
            replies = pipeline.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            replies = [error] * len(units)
        refused = [
            Refused(unit, _cause_of(reply), f"{type(reply).__name__}: {reply}"[:500])
            for unit, reply in zip(units, replies, strict=True)
            if isinstance(reply, Exception)
        ]
        if any(one.cause is not Cause.RECORD for one in refused):
            # A new client finds a new primary, other shards, and a new password.
            kept.drop(client)
        return refused

    return send


# What an answer's first word, where the client has no class for it, says of the server and not of the value.
_OF_THE_SERVER = (
    "BUSY",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "MISCONF",
    "NOREPLICAS",
    "OOM",
    "READONLY",
    "TRYAGAIN",
)
_REFUSALS = ("ASK", "MOVED", "NOAUTH", "NOPERM", "WRONGPASS")


def _cause_of(error: Exception) -> Cause:
    from redis import exceptions

    if isinstance(error, exceptions.TimeoutError | TimeoutError):
        return Cause.SLOW
    # A cache that names another node for a key is in cluster mode, and the row does not say so.
    if isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError | exceptions.AskError):
        return Cause.REFUSED
    if isinstance(error, exceptions.DataError):
        return Cause.RECORD
    if not isinstance(error, exceptions.ResponseError) or isinstance(
        error,
        exceptions.ClusterError | exceptions.OutOfMemoryError | exceptions.ReadOnlyError | exceptions.TryAgainError,
    ):
        return Cause.TRANSIENT
    if str(error).startswith(_REFUSALS):
        return Cause.REFUSED
    return Cause.TRANSIENT if str(error).startswith(_OF_THE_SERVER) else Cause.RECORD


def _grants(_row: Row, cache: _Cache) -> tuple[list[str], str] | None:
    """The network decides who reaches the cache; its password is in a secret."""
    return (["secretsmanager:GetSecretValue"], cache.secret) if cache.secret else None


DESTINATION = Destination(
    parse=_parse,
    open=_open,
    limits=lambda _cache: Limits(CALL_VALUES, CALL_BYTES, CALL_BYTES, lambda unit: len(unit.key.encode())),
    grants=_grants,
    in_network=True,
)
