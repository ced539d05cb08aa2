"""A proxy before a local cloud that adds up how long the cloud takes for the calls that pass through it."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Headers that concern one connection only: https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Calls:
    """How many calls there were, and the sum of their times, as if they had been made one after the other."""

    endpoint: str
    count: int = 0
    seconds: float = 0.0


@contextmanager
def recorded(endpoint: str) -> Iterator[Calls]:
    """The calls to `Calls.endpoint`, which answers as `endpoint` does."""
    cloud = urlsplit(endpoint)
    lock = threading.Lock()

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            began = time.monotonic()
            connection = http.client.HTTPConnection(str(cloud.hostname), cloud.port)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            with lock:
                calls.count += 1
                calls.seconds += time.monotonic() - began
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in OF_THE_CONNECTION:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on  # noqa: N815 -- names of the library

        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    calls = Calls(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield calls
    finally:
        server.shutdown()
        server.server_close()
