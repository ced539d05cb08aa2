"""Makes the clients of AWS services, in the function's own name or in that of a role in another account."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import botocore.session
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from handlers.shared.errors import Cause, cause_of

__all__ = ["AssumedRole", "Renewable", "connect_timeout_s", "create_client", "http_session"]

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 6

# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html (DurationSeconds: at least 900)
SESSION_S = 900
# botocore refreshes 15 minutes before the end by default, which for a session of 15 minutes would be before each call.
ADVISORY_REFRESH_S = 240
MANDATORY_REFRESH_S = 60


def connect_timeout_s(answer_s: float) -> float:
    """How long to wait for a connection, in seconds, where an answer may take `answer_s`: no longer than that."""
    return min(CONNECT_TIMEOUT_S, answer_s)


def create_client(
    service: str,
    session: botocore.session.Session | None = None,
    *,
    region: str | None = None,
    endpoint: str | None = None,
    connections: int = 1,
    attempts: int = 1,
    answer_s: float = READ_TIMEOUT_S,
) -> Any:
    """A client that reports every error at once: retries are this package's business (handlers.shared.ordered).

    `connections` is how many threads will call it at the same time; with more `attempts` botocore retries after all.
    `endpoint` is a URL, for services whose endpoint belongs to an account; `answer_s` is how long an answer may take.
    """
    config = Config(
        connect_timeout=connect_timeout_s(answer_s),
        read_timeout=answer_s,
        max_pool_connections=connections,
        parameter_validation=False,
        # S3 checks what TLS and the signature protect already; the checksum would be made of every object in pieces.
        request_checksum_calculation="when_required",
        retries={"mode": "standard", "total_max_attempts": attempts},
        tcp_keepalive=True,
    )
    session = session or own_session()
    with _alone_with(session):
        client = session.create_client(service, region_name=region, endpoint_url=endpoint, config=config)
    # Modules and clients stay for good: the collector, which large events wake often, need not look at them again.
    gc.freeze()
    return client


def http_session(url: str, *, connections: int = 1, answer_s: float = READ_TIMEOUT_S) -> URLLib3Session:
    """Connections as a client of botocore's has them, to the host of `url`, for requests that are signed elsewhere.

    Without TCP_NODELAY a request's body waits until its head is acknowledged, which a receiver may put off for 40 ms:
    https://datatracker.ietf.org/doc/html/rfc1122#page-96. A session of botocore's own has no such option.
    """
    options: Any = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    return URLLib3Session(
        timeout=(connect_timeout_s(answer_s), answer_s),  # type: ignore[arg-type]  # the stubs know one number only
        max_pool_connections=connections,
        proxies=get_environ_proxies(url),
        socket_options=options,
    )


@cache
def own_session() -> botocore.session.Session:
    """The session with the credentials of the function's own role."""
    return botocore.session.Session()


_LOCK = threading.Lock()
_LOCKS: WeakKeyDictionary[botocore.session.Session, threading.RLock] = WeakKeyDictionary()


def _alone_with(session: botocore.session.Session) -> threading.RLock:
    """The lock of a session: what it makes it makes for one thread at a time.

    https://docs.aws.amazon.com/boto3/latest/guide/clients.html#multithreading-or-multiprocessing-with-clients
    """
    with _LOCK:
        return _LOCKS.setdefault(session, threading.RLock())


class AssumedRole(CredentialProvider):
    """Credentials of `role_arn`, assumed by the function's own role in sessions of 15 minutes.

    `external_id` is what the role's trust policy may ask for; `answer_s` is how long STS may take to answer.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html
    """

    METHOD = CANONICAL_NAME = "tributary-assumed-role"

    def __init__(
        self, role_arn: str, session_name: str, external_id: str | None = None, answer_s: float = READ_TIMEOUT_S
    ) -> None:
        super().__init__()
        self._answer_s = answer_s
        self._request = {"RoleArn": role_arn, "RoleSessionName": session_name, "DurationSeconds": SESSION_S}
        if external_id:
            self._request["ExternalId"] = external_id

    def credentials(self) -> RefreshableCredentials:
        """Assumes the role; botocore assumes it again shortly before the session ends. Raises ClientError."""
        return RefreshableCredentials.create_from_metadata(
            metadata=self._assume(),
            refresh_using=self._assume,
            method=self.METHOD,
            advisory_timeout=ADVISORY_REFRESH_S,
            mandatory_timeout=MANDATORY_REFRESH_S,
        )

    # What botocore calls for the credentials of a session.
    load = credentials

    def new_session(self) -> botocore.session.Session:
        """A session that has only these credentials."""
        session = botocore.session.Session()
        session.register_component("credential_provider", CredentialResolver([self]))
        # The parsed endpoint and service files are the same for every session.
        with _alone_with(own_session()):
            session.register_component("data_loader", own_session().get_component("data_loader"))
        return session

    def _assume(self) -> dict[str, str]:
        credentials = _sts(self._answer_s).assume_role(**self._request)["Credentials"]
        return {
            "access_key": credentials["AccessKeyId"],
            "secret_key": credentials["SecretAccessKey"],
            "token": credentials["SessionToken"],
            "expiry_time": credentials["Expiration"].isoformat(),
        }


@cache
def _sts(answer_s: float) -> Any:
    return create_client("sts", answer_s=answer_s)


class Renewable:
    """A client that is made at its first use and made anew, with new credentials, when a call finds them expired.

    So it is when a call is refused: a role that was deleted and made again accepts no session from before.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user.html
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._client: Any = None
        self._lock = threading.Lock()

    def get(self) -> Any:
        """The client; raises what making it raises."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    @contextmanager
    def using(self) -> Iterator[Any]:
        """The client for one call. Raises what making it raises, and what the call does."""
        client = self.get()
        try:
            yield client
        except Exception as error:
            if cause_of(error) in (Cause.EXPIRED, Cause.REFUSED):
                self.drop(client)
            raise

    def drop(self, client: Any) -> None:
        """Forgets `client`, so that the next `get` makes one; nothing happens when another thread was quicker."""
        with self._lock:
            if self._client is client:
                self._client = None
