"""An endpoint that answers as STS does, and keeps what it was asked: by whom, and what."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
REFUSAL = "<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized</Message></Error>"


@dataclass
class FakeSts:
    """`accounts` maps access keys to accounts; a role gives a key of its own account, valid for `valid_s` seconds.

    `external_ids` maps roles to what whoever assumes them must say.
    """

    endpoint: str = ""
    accounts: dict[str, str] = field(default_factory=dict)
    valid_s: list[float] = field(default_factory=list)
    external_ids: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)

    def answer(self, key: str, request: Mapping[str, str]) -> str | None:
        """None: STS has no such action, or refuses it."""
        self.asked.append((key, request))
        account = self.accounts.get(key, "000000000000")
        if request.get("Action") == "GetCallerIdentity":
            return f"<Account>{account}</Account><Arn>arn:aws:iam::{account}:user/{key}</Arn><UserId>{key}</UserId>"
        arn = request.get("RoleArn")
        if arn is None or self.external_ids.get(arn, request.get("ExternalId")) != request.get("ExternalId"):
            return None
        granted = f"ASIA{len(self.asked):012d}"
        self.accounts[granted] = arn.split(":")[4]
        ends = datetime.now(UTC) + timedelta(seconds=self.valid_s.pop(0) if self.valid_s else 3600)
        return (
            f"<Credentials><AccessKeyId>{granted}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            f"<SessionToken>t</SessionToken><Expiration>{ends.isoformat()}</Expiration></Credentials>"
            f"<AssumedRoleUser><Arn>{escape(arn)}</Arn><AssumedRoleId>r</AssumedRoleId></AssumedRoleUser>"
        )

    @property
    def actions(self) -> list[str]:
        """What it was asked, in order; what is no STS is `?`."""
        return [request.get("Action", "?") for _, request in self.asked]


@contextmanager
def serving() -> Iterator[FakeSts]:
    """The endpoint, while the block runs."""
    fake = FakeSts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            request = dict(parse_qsl(body))
            key = self.headers.get("Authorization", "=/").partition("Credential=")[2].partition("/")[0]
            result, answer = f"{request.get('Action')}Result", fake.answer(key, request)
            told = REFUSAL if answer is None else f"<{result}>{answer}</{result}>"
            text = f'<R xmlns="{NAMESPACE}">{told}</R>'.encode()
            self.send_response(403 if answer is None else 200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST  # noqa: N815  the handler's own name

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
