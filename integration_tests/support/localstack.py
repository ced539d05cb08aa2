"""The LocalStack that the user started: where it is, which one it is, and what it lacks."""

import json
import os
import tempfile
import urllib.request
from pathlib import Path

import pytest

from integration_tests.support.addressing import Cloud
from integration_tests.support.gaps import Missing
from localcloud.errors import NotRunningError
from localcloud.server import HEALTH_PATHS, attach

# LocalStack's table streams bring a few dozens of changes a second, and a mapping may sleep for seconds.
PATIENCE = 6.0
_CLOUD = pytest.StashKey[Cloud]()


def localstack(config: pytest.Config) -> Cloud:
    """The cloud of a run with `--target localstack`. Ends the run when nothing answers."""
    if _CLOUD not in config.stash:
        url = endpoint()
        try:
            attach(url)
        except NotRunningError:
            pytest.exit(
                f"--target localstack: nothing at {url} answers as LocalStack does. Start it (docs/localstack.md), or "
                "say where it is by AWS_ENDPOINT_URL or LOCALSTACK_HOST; then type the same command again.",
                returncode=4,
            )
        folder = tempfile.TemporaryDirectory(prefix="tributary-localstack-")
        config.add_cleanup(folder.cleanup)
        name = version(url) or "what answers as LocalStack does"
        cloud = Cloud("localstack", url, Path(folder.name), name=name, patience=PATIENCE)
        cloud.lacks = Missing(cloud)
        config.stash[_CLOUD] = cloud
    return config.stash[_CLOUD]


def endpoint() -> str:
    """AWS_ENDPOINT_URL, else what LOCALSTACK_HOST and its like say: https://pypi.org/project/localstack-client/"""
    from localstack_client.config import get_service_endpoint

    return str(os.environ.get("AWS_ENDPOINT_URL") or get_service_endpoint("sts"))


def version(url: str) -> str | None:
    """LocalStack's name and version; None for what only answers at its path, as this project's local cloud does."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}{HEALTH_PATHS[0]}", timeout=10) as answer:
        told = json.load(answer)
    # The emulator of the local cloud calls its edition `light`.
    return f"LocalStack {told['version']}" if told.get("edition") not in (None, "light") else None
