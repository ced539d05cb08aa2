"""The configuration endpoint of a Memcached cluster, in front of its real first node.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.AddingToYourClientLibrary.html
"""

import contextlib
import socket
import socketserver
import threading
from typing import Any

from localcloud.ports import LOOPBACK

_COMMANDS = (b"config get cluster", b"get AmazonElastiCache:cluster")
# A value that is stored may be large.
_CHUNK_BYTES = 65_536

Address = tuple[str, int]


class Discovery:
    """Answers the commands of auto-discovery, and passes all others on; a connection that began to talk to the node
    stays there."""

    def __init__(self, nodes: list[Address]) -> None:
        listed = " ".join(f"{host}|{host}|{port}" for host, port in nodes)
        text = f"1\n{listed}\n".encode()
        self._answer = b"CONFIG cluster 0 %d\r\n%b\r\nEND\r\n" % (len(text), text)
        discovery, node = self, nodes[0]

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                discovery._serve(self.request, node)

        self._server = socketserver.ThreadingTCPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        self.host, self.port = LOOPBACK, int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True, name=f"memcached-{self.port}").start()

    def stop(self) -> None:
        """Connections that are open end with their clients."""
        threading.Thread(target=self._stop, daemon=True).start()

    def _stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, client: Any, node: Address) -> None:
        received = b""
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK_BYTES):
                received += data
                while (line := received.partition(b"\r\n"))[1] and line[0].strip() in _COMMANDS:
                    client.sendall(self._answer)
                    received = line[2]
                if line[1]:
                    return self._pass_on(client, node, received)
        return None

    @staticmethod
    def _pass_on(client: Any, node: Address, received: bytes) -> None:
        with socket.create_connection(node) as server:
            server.sendall(received)
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()
            _copy(client, server)


def _copy(source: Any, target: Any) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK_BYTES):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
