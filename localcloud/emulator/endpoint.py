"""The local cloud's endpoint stands for AWS's: what arrives there counts as having come over TLS.

AWS's data services are reached over HTTPS, and policies tell by `aws:SecureTransport` whether a request was:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
The loopback endpoint speaks plain HTTP to spare every client a certificate. A request that says
`x-forwarded-proto: http` counts as plain, so that a TLS-only policy can be seen to refuse it.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ministack import app

Scope = MutableMapping[str, Any]
Channel = Callable[..., Awaitable[Any]]


def install() -> None:
    """Wrap whatever serves requests by now."""
    inner = app.app

    async def over_tls(scope: Scope, receive: Channel, send: Channel) -> None:
        if scope["type"] == "http":
            scope["scheme"] = "https"
        await inner(scope, receive, send)

    app.app = over_tls
