"""Signs a POST of JSON with Signature Version 4: botocore's result, without its cost for each header.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

__all__ = ["Keys", "Scope", "signed_headers"]

_ALGORITHM = "AWS4-HMAC-SHA256"


class Keys(NamedTuple):
    """Credentials as they are now; `token` is None for those of a user."""

    access_key: str
    secret_key: str
    token: str | None


class Scope(NamedTuple):
    """What a signature is for: a service in a Region, at a host."""

    service: str
    region: str
    host: str


def signed_headers(
    scope: Scope, keys: Keys, content_type: str, target: str, body: bytes, now: datetime | None = None
) -> dict[str, str]:
    """The headers of a POST to `/` that are signed, and the signature. `now` is in UTC."""
    time = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    headers = {"Content-Type": content_type, "Host": scope.host, "X-Amz-Date": time}
    if keys.token is not None:
        headers["X-Amz-Security-Token"] = keys.token
    headers["X-Amz-Target"] = target
    # They are in the order of their names already, as the canonical request wants them.
    names = ";".join(headers).lower()
    lines = "\n".join([f"{name.lower()}:{value}" for name, value in headers.items()])
    request = f"POST\n/\n\n{lines}\n\n{names}\n{sha256(body).hexdigest()}"
    day = time[:8]
    credential = f"{day}/{scope.region}/{scope.service}/aws4_request"
    text = f"{_ALGORITHM}\n{time}\n{credential}\n{sha256(request.encode()).hexdigest()}"
    signature = hmac.digest(_signing_key(keys.secret_key, day, scope), text.encode(), "sha256").hex()
    headers["Authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key}/{credential}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


@lru_cache(maxsize=8)
def _signing_key(secret_key: str, day: str, scope: Scope) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
