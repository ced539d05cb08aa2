"""OpenSearch: domains (public, in a network, with a name of one's own) and serverless collections, by signed `_bulk`.

https://docs.opensearch.org/latest/api-reference/document-apis/bulk/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError, NoCredentialsError

from handlers.fan_out.contract import Access, Destination, Limits, Refused, Send, Unit, WrongRowError
from handlers.fan_out.destinations.addresses import arn_for, key_within, options_among, region_among
from handlers.shared.clients import http_session
from handlers.shared.errors import Cause

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["DESTINATION"]

# The smaller instances' limit of a request; larger ones take 100 MiB.
# https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html#network-limits
MAX_CALL_BYTES = 10 * 1_048_576
# There is no limit of documents; a call is of one batch of records at most.
MAX_DOCUMENTS = 10_000
# https://docs.opensearch.org/latest/field-types/metadata-fields/id/
MAX_ID_BYTES = 512
MAX_INDEX_BYTES = 255

# What the document's id is: the partition key, so that the newest of a key is there; the record, so that all are, each
# once; or none, where the service makes one, as time-series collections ask for.
# https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-overview.html#serverless-usecase
IDS = ("key", "record", "none")

_RIGHT = (
    "<endpoint>#<index>, like search-orders-a1b2c3.eu-west-1.es.amazonaws.com#orders, "
    "or <endpoint>#<doctype>/<index> as in the original, whose doctype means nothing any more"
)
_ADDRESS = re.compile(r"(?:(?P<scheme>https?)://)?(?P<host>[\w.-]+(?::\d+)?)/?#(?P<index>.*)", re.ASCII)
# search-<domain>-<id>.<Region>.es.…, vpc-…, <collection>.<Region>.aoss.…, and those that are dual-stack
# https://docs.aws.amazon.com/opensearch-service/latest/developerguide/createupdatedomains.html
_ENDPOINT = re.compile(
    r"(?P<name>[a-z0-9-]+)\.(?:(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d+)\.(?P<service>es|aoss)\.amazonaws\.com(?:\.cn)?"
    r"|aos\.(?P<dual>[a-z]{2,}(?:-[a-z]+)+-\d+)\.on\.aws)",
    re.ASCII,
)
_DOMAIN = re.compile(r"(?:search|vpc)-(?P<domain>[a-z][a-z0-9-]{2,27})-[a-z0-9]+", re.ASCII)


class _Index(NamedTuple):
    """`resource` is what stands after the account in the ARN that a policy names."""

    url: str
    region: str | None
    service: str
    resource: str
    ids: str


def _parse(row: Row) -> _Index:
    options_among(row, ["documentId"])
    found = _ADDRESS.fullmatch(row.destination)
    if found is None:
        raise WrongRowError("destination", f"destination is {row.destination!r}; it must be {_RIGHT}")
    host = found["host"]
    # Types are gone since version 2; what the original calls `doctype` comes first and is passed over.
    index = found["index"].strip("/").rpartition("/")[2]
    if problem := _problem(index):
        raise WrongRowError("destination", f"destination has the index {index!r}, {problem}; it must be {_RIGHT}")
    ids = row.options.get("documentId", "key")
    if ids not in IDS:
        raise WrongRowError("documentId", f"documentId is {ids!r}; it must be one of {', '.join(IDS)}")
    known = _ENDPOINT.fullmatch(host)
    if known is None and re.search(r"\.(amazonaws\.com(\.cn)?|on\.aws)$", host):
        raise WrongRowError(
            "destination", f"destination has the host {host}, which is none of OpenSearch; it must be {_RIGHT}"
        )
    service = (known["service"] if known else None) or "es"
    region = region_among(row, (known["region"] or known["dual"]) if known else None)
    url = f"{found['scheme'] or 'https'}://{host}/{index}/_bulk"
    return _Index(url, region, service, _resource(known["name"] if known else "", service, index), str(ids))


def _resource(name: str, service: str, index: str) -> str:
    """https://docs.aws.amazon.com/opensearch-service/latest/developerguide/ac.html and …/serverless-data-access.html"""
    if service == "aoss":
        return f"collection/{name}"
    domain = _DOMAIN.fullmatch(name)
    return f"domain/{domain['domain'] if domain else '*'}/{index}/_bulk"


def _problem(index: str) -> str | None:
    """https://docs.opensearch.org/latest/api-reference/index-apis/create-index/#index-naming-restrictions"""
    if not 0 < len(index.encode()) <= MAX_INDEX_BYTES:
        return f"which has not 1 to {MAX_INDEX_BYTES} bytes"
    if index != index.lower():
        return "which has capital letters"
    if index.startswith(("_", "-", "+")) or index in (".", ".."):
        return "which begins with _, - or +, or is a dot"
    if re.search(r'[\s:"*+/\\|?#><,%]', index):
        return "which has a character that no index has"
    return None


class _Bulk:
    """Signed requests to one endpoint, with the credentials of a session."""

    def __init__(self, index: _Index, connections: int, answer_s: float, session: botocore.session.Session) -> None:
        self._index = index
        self._session = session
        self._http = http_session(index.url, connections=connections, answer_s=answer_s)

    def post(self, body: bytes) -> Mapping[str, Any]:
        """The answer to `_bulk`. Raises ClientError, and what botocore raises for connections and credentials."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        # The digest's header is what serverless collections ask for.
        # https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-clients.html#serverless-signing
        headers = {"Content-Type": "application/x-ndjson", "X-Amz-Content-SHA256": sha256(body).hexdigest()}
        request = AWSRequest("POST", self._index.url, headers, body)
        region = self._index.region or str(self._session.get_config_variable("region"))
        SigV4Auth(credentials.get_frozen_credentials(), self._index.service, region).add_auth(request)
        response = self._http.send(request.prepare())
        try:
            answer = json.loads(response.content or b"{}")
        except ValueError:
            answer = None
        if response.status_code == 200 and isinstance(answer, dict) and "items" in answer:
            return answer
        raise _error(response.status_code, answer)


def _error(status: int, answer: Any) -> ClientError:
    """A refusal of the whole request, in the form that botocore gives errors."""
    details = answer if isinstance(answer, dict) else {}
    error = details.get("error")
    message = str(details.get("message") or details.get("Message") or (error or "")).strip() or f"HTTP status {status}"
    code = str(error.get("type")) if isinstance(error, dict) else str(status)
    if status == 403 and "expired" in message:
        code = "ExpiredToken"
    # An answer that is none of OpenSearch comes from whatever stands in front of it.
    shown = 503 if status == 200 else status
    return ClientError(
        {"Error": {"Code": code, "Message": message[:500]}, "ResponseMetadata": {"HTTPStatusCode": shown}},  # type: ignore[typeddict-item]
        "_bulk",
    )


def _open(_row: Row, index: _Index, access: Access) -> Send:
    client = access.kept(
        ("opensearch", index, access.answer_s), partial(_Bulk, index, access.connections, access.answer_s)
    )

    def send(units: Sequence[Unit]) -> Sequence[Refused]:
        documents, refused = [], []
        for unit in units:
            if unit.body.strip():
                documents.append(unit)
            else:
                refused.append(Refused(unit, Cause.RECORD, "it is empty, and an empty document is none"))
        if not documents:
            return refused
        with client.using() as bulk:
            answer = bulk.post(b"".join([_lines(unit, index.ids) for unit in documents]))
        return [*refused, *_failed(documents, answer)]

    return send


def _lines(unit: Unit, ids: str) -> bytes:
    """The action and the document, a line each. In JSON a line break is white space wherever it is."""
    return b"%b\n%b\n" % (_action(unit, ids), unit.body.replace(b"\n", b" ").replace(b"\r", b" "))


def _action(unit: Unit, ids: str) -> bytes:
    if ids == "none":
        return b'{"index":{}}'
    wanted = unit.key if ids == "key" else unit.id
    return json.dumps({"index": {"_id": key_within(wanted, MAX_ID_BYTES)}}, separators=(",", ":")).encode()


def _failed(units: Sequence[Unit], answer: Mapping[str, Any]) -> list[Refused]:
    """The answer has one item for each document, in their order, each with a status as of HTTP."""
    if not answer.get("errors"):
        return []
    refused = []
    for unit, item in zip(units, answer["items"], strict=True):
        [result] = item.values()
        status = int(result.get("status", 500))
        if status >= 300:
            error = result.get("error") or {}
            reason = f"{error.get('type', 'no type')} ({status})"
            refused.append(Refused(unit, _CAUSES.get(status, Cause.TRANSIENT), reason))
    return refused


# 429, conflicts and whatever is the cluster's own fault pass. A forbidden or missing index is the same for all.
_CAUSES: Mapping[int, Cause] = {
    400: Cause.RECORD,
    401: Cause.REFUSED,
    403: Cause.REFUSED,
    404: Cause.REFUSED,
    413: Cause.RECORD,
}


def _grants(row: Row, index: _Index) -> tuple[list[str], str]:
    action = "aoss:APIAccessAll" if index.service == "aoss" else "es:ESHttpPost"
    return [action], arn_for(row, index.service, index.region, index.resource)


DESTINATION = Destination(
    parse=_parse,
    open=_open,
    limits=lambda index: Limits(
        MAX_DOCUMENTS, MAX_CALL_BYTES, MAX_CALL_BYTES, lambda unit: len(_action(unit, index.ids)) + 2
    ),
    grants=_grants,
)
