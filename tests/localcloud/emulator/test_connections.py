"""Whatever arrives while an idle connection is closed is answered, or not taken at all."""

import asyncio
import random
import socket
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.config import Config

from localcloud.emulator import connections, patching

pytestmark = pytest.mark.pure

REQUEST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nhi"
KEEP_ALIVE_S = 0.02
ROUNDS, AT_ONCE = 15, 20


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TCPServer, "_idle_timeout", TCPServer._idle_timeout)
    monkeypatch.setattr(patching, "_installed", {})
    connections.install()


class Counting:
    """An application that counts the requests which it carries out."""

    def __init__(self) -> None:
        self.done = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        self.done += 1
        await asyncio.to_thread(lambda: None)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def answers(port: int, pause_s: float) -> int:
    """How many of two requests of a client are answered on one connection, which is idle in between."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    try:
        for _ in range(2):
            writer.write(REQUEST)
            await reader.readuntil(b"ok")
            answered += 1
            await asyncio.sleep(pause_s)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
    return answered


async def done_and_answered() -> tuple[int, int]:
    """The requests that were carried out, and those that were answered, with pauses about as long as the idle time."""
    app, ended, chance = Counting(), asyncio.Event(), random.Random(7)
    listening = socket.create_server(("127.0.0.1", 0))
    port, answered = listening.getsockname()[1], 0
    # The server closes what it is given.
    bind = [f"fd://{listening.detach()}"]
    config = Config.from_mapping(bind=bind, keep_alive_timeout=KEEP_ALIVE_S, loglevel="ERROR")
    server = asyncio.create_task(serve(app, config, shutdown_trigger=ended.wait))  # type: ignore[arg-type]
    for _ in range(ROUNDS):
        pauses = [KEEP_ALIVE_S * chance.uniform(0.8, 1.2) for _ in range(AT_ONCE)]
        answered += sum(await asyncio.gather(*(answers(port, pause_s) for pause_s in pauses)))
    ended.set()
    await server
    return app.done, answered


def test_what_is_carried_out_is_answered(installed: None) -> None:
    done, answered = asyncio.run(done_and_answered())
    assert answered >= ROUNDS * AT_ONCE
    assert done == answered
