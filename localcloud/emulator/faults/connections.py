"""The web server's side of faults: the control API, and connections that are reset or stay silent."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from localcloud.emulator.faults.injection import NoAnswer
from localcloud.emulator.faults.rules import RuleError, RuleStore

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

CONTROL_PATH = "/_tributary/faults"
# No client waits longer; a connection that is kept silent does not outlive it.
MAX_SILENCE_S = 900.0


async def serve(app: App, rules: RuleStore, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Handle a request, or the control API's own; keep silent or reset the connection when a fault says so."""
    if scope["type"] == "http" and scope["path"].startswith(CONTROL_PATH):
        await _control(rules, scope, receive, send)
        return
    if not rules.active:
        await app(scope, receive, send)
        return
    try:
        await app(scope, receive, send)
    except NoAnswer as fault:
        if fault.reset:
            _reset(send)
        else:
            await _silence(receive)


async def _silence(receive: Receive) -> None:
    """Return when the client has given up."""
    try:
        async with asyncio.timeout(MAX_SILENCE_S):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


def _reset(send: Send) -> None:
    """Close the connection with a TCP reset: with a linger time of 0, closing sends RST."""
    # hypercorn: send belongs to the stream, its send to the protocol, and that one's to the server with the writer.
    stream: Any = send
    writer = stream.__self__.send.__self__.send.__self__.writer
    writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _control(rules: RuleStore, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """GET lists the rules; POST adds one, PUT /<id> sets one; DELETE /<id> removes one, DELETE all of them."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    rule_id = scope["path"][len(CONTROL_PATH) :].strip("/") or None
    status, answer = _answer(rules, scope["method"], rule_id, bytes(body))
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def _answer(rules: RuleStore, method: str, rule_id: str | None, body: bytes) -> tuple[int, Any]:
    if method in ("POST", "PUT"):
        try:
            return 200, rules.put(json.loads(body or b"{}"), rule_id).described()
        except (RuleError, json.JSONDecodeError, TypeError) as error:
            return 400, {"message": str(error)}
    if method == "DELETE" and rule_id is None:
        rules.clear()
        return 200, {}
    if method == "DELETE":
        rule = rules.delete(rule_id or "")
        return (200, rule.described()) if rule else (404, {"message": f"There is no fault rule {rule_id!r}."})
    if method == "GET":
        return 200, {"rules": [rule.described() for rule in rules.all()]}
    return 405, {"message": f"{CONTROL_PATH} takes GET, POST, PUT and DELETE, not {method}."}
