"""The web server's side of faults: the control API's entrance, and connections that are reset or stay silent."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from localcloud.emulator import control
from localcloud.emulator.faults.injection import NoAnswer, connected

App = Callable[[MutableMapping[str, Any], control.Receive, control.Send], Awaitable[None]]

# No client waits longer; a connection that is kept silent does not outlive it.
MAX_SILENCE_S = 900.0


async def serve(app: App, scope: MutableMapping[str, Any], receive: control.Receive, send: control.Send) -> None:
    """Handle a request, or the control API's own; keep silent or reset the connection when a fault says so."""
    if scope["type"] == "http" and scope["path"].startswith(control.PREFIX):
        await control.answer(scope, receive, send)
        return
    connected.set(True)
    try:
        await app(scope, receive, send)
    except NoAnswer as fault:
        if fault.reset:
            _reset(send)
        else:
            await _silence(receive)


async def _silence(receive: control.Receive) -> None:
    """Return when the client has given up."""
    try:
        async with asyncio.timeout(MAX_SILENCE_S):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


def _reset(send: control.Send) -> None:
    """Close the connection with a TCP reset: with a linger time of 0, closing sends RST."""
    # hypercorn: send belongs to the stream, its send to the protocol, and that one's to the server with the writer.
    stream: Any = send
    writer = stream.__self__.send.__self__.send.__self__.writer
    writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
