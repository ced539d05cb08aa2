"""Serves clients of Kinesis that speak CBOR, such as those of the AWS SDK for Java 2 and so the Kinesis Client Library.

Inside of the emulator there is JSON alone: a request is translated once it is authorized (its signature is that of the
bytes that came), an answer, also one of those before that, when it leaves. What SubscribeToShard pushes is written by
`fan_out`, which asks `speaks_cbor`.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

from localcloud.emulator import cbor
from localcloud.emulator.model_checks import model
from localcloud.emulator.request_gate import Response, parsed_body

Message = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]

_TARGET = "Kinesis_20131202."

_speaks_cbor: ContextVar[bool] = ContextVar("client_speaks_cbor", default=False)


def speaks_cbor() -> bool:
    """Whether the request that is being served came as CBOR."""
    return _speaks_cbor.get()


def translated(body: bytes, operation: str, status: int) -> bytes:
    """A JSON answer as CBOR."""
    answer = json.loads(body) if body else {}
    shape = model("kinesis").operation_model(operation).output_shape if status < 300 else None
    if status < 300 and shape is None:
        return b""
    return cbor.dumps(answer, shape)


def _operation(headers: Mapping[str, str]) -> str | None:
    """The operation of a CBOR request to Kinesis; None for every other request."""
    target = headers.get("x-amz-target", "")
    if not target.startswith(_TARGET) or "cbor" not in headers.get("content-type", ""):
        return None
    operation = target.removeprefix(_TARGET)
    return operation if operation in model("kinesis").operation_names else None


def _answering(operation: str, send: Channel) -> Channel:
    """A `send` that translates an answer which is no event stream."""
    start: Message = {}
    parts: list[bytes] = []

    async def translating(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = {name.lower(): value for name, value in message["headers"]}
            if b"eventstream" in headers.get(b"content-type", b""):
                await send(message)
            else:
                start.update(message)
            return
        if message["type"] != "http.response.body" or not start:
            await send(message)
            return
        parts.append(message.get("body", b""))
        if message.get("more_body"):
            return
        body = translated(b"".join(parts), operation, start["status"])
        own = (b"content-type", b"content-length")
        kept = [(name, value) for name, value in start["headers"] if name.lower() not in own]
        own_headers = [
            *kept,
            (b"content-type", cbor.CONTENT_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({**start, "headers": own_headers})
        await send({"type": "http.response.body", "body": body})

    return translating


def install() -> None:
    """Wrap what serves requests, and what serves Kinesis, by now."""
    from ministack import app

    inner, handler = app.app, app.SERVICE_HANDLERS["kinesis"]

    async def translating(scope: Message, receive: Channel, send: Channel) -> None:
        operation = None
        if scope["type"] == "http":
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            operation = _operation(headers)
        if operation is not None:
            _speaks_cbor.set(True)
            send = _answering(operation, send)
        await inner(scope, receive, send)

    async def from_cbor(method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Any) -> Response:
        if speaks_cbor() and cbor.is_map(body):
            body = json.dumps(parsed_body(body)).encode()
            headers = {**headers, "content-type": "application/x-amz-json-1.1"}
        answer: Response = await handler(method, path, headers, body, query_params)
        return answer

    app.app = translating
    app.SERVICE_HANDLERS["kinesis"] = from_cbor
