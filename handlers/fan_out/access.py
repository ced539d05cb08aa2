"""Gets destinations to their services: in whose name, by which client.

A session is kept for each (role, external id, Region), a client for each session, service and endpoint: two targets
that differ in any of these never share one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable
from functools import cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

import botocore.session

from handlers.fan_out.contract import Access
from handlers.shared.clients import READ_TIMEOUT_S, AssumedRole, Renewable, create_client, own_session

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["access_of"]

# Sockets that a client keeps for calls at the same time; more than that are opened and closed again.
CONNECTIONS = 32
# How long a secret is believed: whoever changes a password need not restart the function.
SECRET_S = 300
# The function's name is the session's, so that the other account's CloudTrail tells who was there.
_SESSION_NAME = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "tributary-fan-out")[:64]


def access_of(row: Row, answer_s: float) -> Access:
    """The access of a target: as its role, where it names one, else as the function itself; `answer_s` is how long its
    answers may take, and those of who is asked on its behalf: a role's credentials, a secret, the account."""
    asked_s = min(answer_s, READ_TIMEOUT_S)
    identity = _identity(_Name(row.role, row.external_id, row.region, asked_s))
    return Access(
        client=partial(identity.client, answer_s),
        kept=identity.kept,
        connections=row.calls,
        answer_s=answer_s,
        secret=partial(_secret, asked_s),
        account=partial(_account, asked_s),
    )


class _Name(NamedTuple):
    """In whose name calls are made; without a role in the function's own. `answer_s` is how long STS may take."""

    role: str | None
    external_id: str | None
    region: str | None
    answer_s: float

    def session(self) -> botocore.session.Session:
        if self.role is None:
            return own_session()
        return AssumedRole(self.role, _SESSION_NAME, self.external_id, self.answer_s).new_session()


class _Identity:
    """A session, and what was made of it."""

    def __init__(self, name: _Name) -> None:
        self._name = name
        self._session = Renewable(name.session)
        self._kept: dict[Hashable, Renewable] = {}
        self._lock = Lock()

    def client(
        self, answer_s: float, service: str, region: str | None = None, endpoint: str | None = None
    ) -> Renewable:
        """The client of a service that waits so long for an answer; `endpoint` is a URL."""
        region = region or self._name.region

        def make(session: botocore.session.Session) -> Any:
            return create_client(
                service, session, region=region, endpoint=endpoint, connections=CONNECTIONS, answer_s=answer_s
            )

        # Another client of the function's own would have the same credentials.
        return self.kept((service, region, endpoint, answer_s), make if self._name.role else cache(make))

    def kept(self, key: Hashable, make: Callable[[botocore.session.Session], Any]) -> Renewable:
        """What `make` makes of the session: once for a key, and again with new credentials when they are refused."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = Renewable(self._with_new_credentials(make))
            return self._kept[key]

    def _with_new_credentials(self, make: Callable[[botocore.session.Session], Any]) -> Callable[[], Any]:
        used: botocore.session.Session | None = None

        def made() -> Any:
            nonlocal used
            if used is not None:
                # Others may have dropped it already, or go on using it: what they have made is not touched.
                self._session.drop(used)
            used = self._session.get()
            return make(used)

        return made


@cache
def _identity(name: _Name) -> _Identity:
    return _Identity(name)


def _own(answer_s: float) -> _Identity:
    """The function itself."""
    return _identity(_Name(None, None, None, answer_s))


_secrets: dict[str, tuple[float, str]] = {}


def _secret(answer_s: float, arn: str) -> str:
    """The text of a secret, read as the function itself, at most `SECRET_S` old. Raises what the call raises.

    https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    """
    read_at, text = _secrets.get(arn, (0.0, ""))
    if not text or time.monotonic() - read_at > SECRET_S:
        region = arn.split(":")[3]
        with _own(answer_s).client(answer_s, "secretsmanager", region).using() as client:
            text = client.get_secret_value(SecretId=arn)["SecretString"]
        _secrets[arn] = (time.monotonic(), text)
    return text


@cache
def _account(answer_s: float) -> str:
    """The function's own account. No permission is needed to ask.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    with _own(answer_s).client(answer_s, "sts").using() as client:
        account: str = client.get_caller_identity()["Account"]
    return account
