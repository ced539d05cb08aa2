"""The local cloud's own API under `/_tributary/`: what a test or the command line asks of it besides AWS's API.

An addition registers a route from its `install()`. Answers are JSON; a refusal has a `message` that says what is right.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

PREFIX = "/_tributary/"

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True)
class Request:
    """`rest` is the path below the route, without slashes at its ends.

    `body` is the parsed JSON, {} when there is none.
    """

    method: str
    rest: str
    body: dict[str, Any]


class RefusedError(Exception):
    """The request cannot be served: HTTP status and the message for its sender."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


Route = Callable[[Request], Any]
_routes: dict[str, Route] = {}


def route(name: str, serve: Route) -> None:
    """Serve `/_tributary/<name>` and what is below it; `serve` returns what is sent as JSON, or raises RefusedError."""
    _routes[name] = serve


async def answer(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer one request of this API."""
    body = bytearray()
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    name, _, rest = scope["path"].removeprefix(PREFIX).partition("/")
    status, reply = _served(name, scope["method"], rest.strip("/"), bytes(body))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(reply).encode()})


def _served(name: str, method: str, rest: str, body: bytes) -> tuple[int, Any]:
    if name not in _routes:
        return 404, {
            "message": f"There is no {PREFIX}{name}; there are {', '.join(PREFIX + one for one in sorted(_routes))}."
        }
    try:
        data = json.loads(body or b"{}")
    except ValueError as error:
        return 400, {"message": f"The body is not JSON: {error}."}
    if not isinstance(data, dict):
        return 400, {"message": "The body must be a JSON object."}
    try:
        return 200, _routes[name](Request(method, rest, data))
    except RefusedError as refused:
        return refused.status, {"message": str(refused)}
