"""Auto-discovery of ElastiCache for Memcached: which nodes a cluster has.

https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/AutoDiscovery.AddingToYourClientLibrary.html
"""

from __future__ import annotations

import socket
import ssl

from handlers.fan_out.destinations.caches import Endpoint

__all__ = ["nodes_of"]

_COMMAND = b"config get cluster\r\n"
_LINE, _END, _UNKNOWN = b"\r\n", b"\r\nEND\r\n", b"ERROR\r\n"


def nodes_of(endpoint: Endpoint, timeout_s: float, tls: ssl.SSLContext | None) -> list[Endpoint]:
    """The nodes of the cluster, in its own order; a server that knows no clusters is the only node. Raises OSError."""
    with socket.create_connection(endpoint, timeout_s) as plain:
        connection = tls.wrap_socket(plain, server_hostname=endpoint.host) if tls else plain
        connection.sendall(_COMMAND)
        answer = b""
        while not answer.endswith((_END, _UNKNOWN)):
            received = connection.recv(65_536)
            if not received:
                raise ConnectionError(f"{endpoint.host}:{endpoint.port} closed the connection before it had answered")
            answer += received
    return [endpoint] if answer.endswith(_UNKNOWN) else _nodes(answer)


def _nodes(answer: bytes) -> list[Endpoint]:
    """`CONFIG cluster 0 <bytes>`, then the version of the list, then `<name>|<address>|<port>` of each node."""
    try:
        _head, _, rest = answer.partition(_LINE)
        listed = rest.splitlines()[1].decode()
        nodes = [node.split("|") for node in listed.split()]
        found = [Endpoint(name or address, int(port)) for name, address, port in nodes]
        if not found:
            raise ValueError("it names no node")
        return found
    except (IndexError, ValueError) as error:
        raise ConnectionError(f"the list of nodes has another form: {answer[:200]!r}") from error
