"""Calls services that speak JSON with requests that are already text, sent and with the credentials of botocore.

A call of botocore's clients takes longer than everything that a handler does for a batch: endpoint rules, a dozen event
hooks, and a visit to every attribute of every item, whose types a replica and a copy do not need.
https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html, …/aws-json-1_1-protocol.html
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserError

from handlers.shared.clients import create_client, http_session, own_session
from handlers.shared.signing import Keys, Scope, signed_headers

__all__ = ["DYNAMODB", "FIREHOSE", "JsonCalls", "Service"]


class Service(NamedTuple):
    """A service's name for endpoints and signatures, what its operations are called by, and its version of JSON."""

    name: str
    target: str
    content_type: str


DYNAMODB = Service("dynamodb", "DynamoDB_20120810", "application/x-amz-json-1.0")
FIREHOSE = Service("firehose", "Firehose_20150804", "application/x-amz-json-1.1")


class JsonCalls:
    """A service, called with these credentials, else the function's own, by up to `connections` threads at once.

    Every error is reported at once, as by `create_client`: ClientError for what the service refuses, and what botocore
    raises for connections and credentials.
    """

    def __init__(
        self,
        service: Service,
        credentials: Credentials | None = None,
        *,
        region: str | None = None,
        connections: int = 1,
    ) -> None:
        self._url, region = _endpoint(service.name, region)
        self._credentials: Any = credentials or own_session().get_credentials()
        self._service = service
        self._scope = Scope(service.name, region, urlsplit(self._url).netloc)
        self._user_agent = own_session().user_agent()
        self._http = _connections(self._url, connections)

    def call(self, operation: str, body: bytes) -> dict[str, Any]:
        """The answer to one request. Raises ClientError, with what the service says beside code and message."""
        if self._credentials is None:
            raise NoCredentialsError
        keys = Keys(*self._credentials.get_frozen_credentials()[:3])
        target = f"{self._service.target}.{operation}"
        headers = signed_headers(self._scope, keys, self._service.content_type, target, body)
        headers["User-Agent"] = self._user_agent
        # Any mapping will do for the headers.
        request = AWSPreparedRequest("POST", self._url, headers, body, False)  # type: ignore[arg-type]
        response = self._http.send(request)
        try:
            answer: dict[str, Any] = json.loads(response.content or b"{}")
        except ValueError as error:
            raise ResponseParserError(f"{operation} was answered {response.status_code} without JSON") from error
        if response.status_code == 200:
            return answer
        raise ClientError(_error_of(answer, response.status_code), operation)  # type: ignore[arg-type]


@cache
def _endpoint(service: str, region: str | None) -> tuple[str, str]:
    """The URL of a service, of the Region or what the environment says, and the Region.

    Asked of a client of botocore's once: making one takes longer than a call, and in an outage `Renewable` makes one of
    this module's for each attempt.
    """
    meta = create_client(service, region=region).meta
    return meta.endpoint_url, meta.region_name


@cache
def _connections(url: str, most: int) -> URLLib3Session:
    """What keeps up to so many connections to a service open, whoever's credentials the calls are signed with."""
    return http_session(url, connections=most)


def _error_of(answer: dict[str, Any], status: int) -> dict[str, Any]:
    """The error in the form that botocore gives it; the code comes as `namespace#Code`."""
    code = str(answer.get("__type", "")).rpartition("#")[2] or str(status)
    message = answer.get("message") or answer.get("Message") or ""
    return {**answer, "Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
