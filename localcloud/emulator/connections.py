"""A connection that has been idle for long is closed only while nothing has begun on it.

A request that arrived in the moment in which its connection's idle time ended was carried out, and its answer lost:
the client sent it again, as every SDK does after a connection error, and the role that it makes existed already.
A server that closes a connection takes no further request from it:
https://www.rfc-editor.org/rfc/rfc9112#section-9.6
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import h11
from hypercorn.events import Closed
from hypercorn.protocol.h2 import H2Protocol

from localcloud.emulator.patching import replaces


def install() -> None:
    """Replace the web server's end of an idle connection."""

    @replaces("hypercorn.asyncio.tcp_server", "TCPServer._idle_timeout", source="cb99af7fa2cf")
    async def idle_timeout(_: Callable[[Any], Awaitable[None]], server: Any) -> None:
        try:
            await asyncio.wait_for(server.context.terminated.wait(), server.config.keep_alive_timeout)
        except TimeoutError:
            await asyncio.shield(_close_idle(server))
        else:
            await asyncio.shield(server._initiate_server_close())


async def _close_idle(server: Any) -> None:
    """Close a connection unless a request is under way on it; from the look to the end the event loop does nothing
    else, so that none begins in between."""
    if not _under_way(server):
        await server.protocol.handle(Closed())
        server.writer.close()


def _under_way(server: Any) -> bool:
    """Whether a request has begun, or is there to be read."""
    protocol = server.protocol.protocol
    begun = protocol.streams if isinstance(protocol, H2Protocol) else protocol.connection.their_state is not h11.IDLE
    return bool(begun or server.reader._buffer)
