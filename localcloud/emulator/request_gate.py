"""What is checked about an API request after it is authorized and before its service handles it.

Additions register a check for a service with `before`; the first answer that a check gives is the response, and the
service then never sees the request. Only requests from outside pass here: calls that the emulator makes to itself do
not.
"""

import contextvars
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from localcloud.emulator import cbor, fast_json

Response = tuple[int, dict[str, str], Any]

_parsed: contextvars.ContextVar[tuple[bytes, Any] | None] = contextvars.ContextVar("parsed_body", default=None)


def parsed_body(body: bytes) -> Any:
    """A request's JSON or CBOR body as an object, `{}` when it is none; parsed once for the whole request."""
    kept = _parsed.get()
    if kept is not None and kept[0] is body:
        return kept[1]
    try:
        data = cbor.loads(body) if cbor.is_map(body) else fast_json.loads(body) if body else {}
    except ValueError:
        data = {}
    if not isinstance(data, dict):
        data = {}
    _parsed.set((body, data))
    return data


def outline(body: bytes) -> bytes:
    """A DynamoDB request without its items: the names of its tables, and its other members as they are.

    For the emulator's functions that parse a request for the sake of these; a batch is costly to parse.
    """
    data: dict[str, Any] = parsed_body(body)
    if isinstance(batch := data.get("RequestItems"), dict):
        return fast_json.dumps({**data, "RequestItems": dict.fromkeys(batch)})
    return body


def current_data() -> Mapping[str, Any]:
    """The JSON parameters of the request that is being authorized, `{}` when it has none."""
    kept = _parsed.get()
    found: Mapping[str, Any] = kept[1] if kept is not None else {}
    return found


@dataclass(frozen=True)
class Call:
    """An authorized API request. `action` is its IAM action (`lambda:CreateFunction`), empty when there is none."""

    service: str
    action: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query_params: Mapping[str, Any]

    @property
    def data(self) -> Mapping[str, Any]:
        """The parameters of the JSON body, else those of the form and the query string (single values as text)."""
        if self.body and not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            found: Mapping[str, Any] = parsed_body(self.body)
            return found
        pairs = {**parse_qs(self.body.decode("utf-8", "replace")), **self.query_params}
        return {name: value[0] if isinstance(value, list) else value for name, value in pairs.items()}


Check = Callable[[Call], Response | None]
Listener = Callable[[Call], None]
_checks: dict[str, list[Check]] = defaultdict(list)
_listeners: dict[str, list[Listener]] = defaultdict(list)


def before(*services: str) -> Callable[[Check], Check]:
    """Register a check for these services, by the emulator's names; checks run in the order of registration."""

    def register(check: Check) -> Check:
        for service in services:
            _checks[service].append(check)
        return check

    return register


def after(*services: str) -> Callable[[Listener], Listener]:
    """Register what is to be done when a request to one of these services has succeeded."""

    def register(listener: Listener) -> Listener:
        for service in services:
            _listeners[service].append(listener)
        return listener

    return register


def json_error(error: str, message: str, status: int = 400, **fields: str) -> Response:
    """An error in the JSON protocols of Kinesis, DynamoDB, KMS, Lambda and Firehose; `fields` are further members."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": error}
    return status, headers, json.dumps({"__type": error, "message": message, "Message": message, **fields}).encode()


def _gated(service: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    async def handle(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Any:
        from ministack.core.iam_actions import extract_iam_action

        action = extract_iam_action(service, method, path, headers, body, query_params) or ""
        call = Call(service, action, method, path, headers, body, query_params)
        for check in _checks[service]:
            answer = check(call)
            if answer is not None:
                return answer
        answer = await handler(method, path, headers, body, query_params)
        if answer[0] < 300:
            for listener in _listeners[service]:
                listener(call)
        return answer

    return handle


def install() -> None:
    """Put the gate before every service that has checks; comes after the additions that register them."""
    from ministack import app

    for service in {*_checks, *_listeners}:
        if service in app.SERVICE_HANDLERS:
            app.SERVICE_HANDLERS[service] = _gated(service, app.SERVICE_HANDLERS[service])
