"""Connections of the handlers send at once what they are given, and are kept alive, whoever signs the requests."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError
from urllib3.util import connection

from handlers.shared.clients import create_client, http_session
from handlers.shared.json_calls import DYNAMODB, JsonCalls

pytestmark = pytest.mark.pure

REGION = "eu-west-1"
OPTIONS = ((socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_KEEPALIVE))
CALLS: dict[str, Callable[[str], Any]] = {
    "a client of botocore's": lambda url: create_client("dynamodb", region=REGION, endpoint=url).list_tables(),
    "requests signed by ourselves": lambda _url: JsonCalls(DYNAMODB, region=REGION).call("ListTables", b"{}"),
    "any session": lambda url: http_session(url).send(AWSPreparedRequest("POST", url, {}, b"{}", False)),
}


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service that answers everything with an empty object."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        for name, value in {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "A", "SECRET_ACCESS_KEY": "s"}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        yield endpoint
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("call", CALLS)
def test_nothing_waits_for_an_acknowledgement(call: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []
    create = connection.create_connection

    def noted(*arguments: Any, **options: Any) -> socket.socket:
        made = create(*arguments, **options)
        seen.append([made.getsockopt(*option) for option in OPTIONS])
        return made

    monkeypatch.setattr(connection, "create_connection", noted)
    with suppress(ClientError):
        CALLS[call](url)
    assert seen == [[1, 1]]
