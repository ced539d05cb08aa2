"""A node of a Memcached cluster on this machine: as much of the text protocol as storing and auto-discovery need.

https://github.com/memcached/memcached/blob/master/doc/protocol.txt
https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.AddingToYourClientLibrary.html
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Sequence
from typing import Any

MAX_VALUE_BYTES = 1000


class Node:
    """`values` are what it was given, with their times to live; `nodes` are the ports that it names, None: no cluster.

    Values above MAX_VALUE_BYTES are refused as by the real one.
    """

    def __init__(self) -> None:
        self.values: dict[bytes, tuple[bytes, int]] = {}
        self.nodes: Sequence[int] | None = None
        self.discoveries = 0
        self.answer: bytes | None = None
        node = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while line := self.rfile.readline():
                    self.wfile.write(node._answer(line.split(), self.rfile))

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, words: list[bytes], data: Any) -> bytes:
        if words[:3] == [b"config", b"get", b"cluster"]:
            self.discoveries += 1
            if self.nodes is None:
                return b"ERROR\r\n"
            listed = b"12\n" + b" ".join(b"127.0.0.1|10.0.0.1|%d" % port for port in self.nodes) + b"\n"
            return b"CONFIG cluster 0 %d\r\n%b\r\nEND\r\n" % (len(listed), listed)
        _set, key, _flags, ttl_s, size = words
        value = data.read(int(size))
        data.read(2)
        if self.answer is not None:
            return self.answer
        if len(value) > MAX_VALUE_BYTES:
            return b"SERVER_ERROR object too large for cache\r\n"
        self.values[key] = (value, int(ttl_s))
        return b"STORED\r\n"
