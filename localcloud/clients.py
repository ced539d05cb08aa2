"""AWS clients of a local cloud that see nothing of the caller's AWS settings, proxies included."""

import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.session import Session

REGION = "us-east-1"


def root(endpoint: str, account_id: str, service: str, region: str = REGION) -> Any:
    """A client as the account's root, which a local cloud grants to whoever uses the account id as access key."""
    from botocore.config import Config

    return _session().create_client(
        service,
        aws_access_key_id=account_id,
        aws_secret_access_key="root",
        endpoint_url=endpoint,
        region_name=region,
        # A local cloud is never behind a proxy; what does not answer on this machine at once has stopped: waiting
        # between attempts would help nobody.
        config=Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 1}),
    )


@cache
def _session() -> "Session":
    """One session for all clients, which loads and keeps the service models; no variable and no file is read."""
    import botocore.session

    known = botocore.session.Session.SESSION_VARIABLES
    silent = {name: (in_file, None, default, cast) for name, (in_file, _, default, cast) in known.items()}
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return botocore.session.Session(session_vars={**silent, **files})
