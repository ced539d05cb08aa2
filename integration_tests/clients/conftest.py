"""What every client needs: itself in the cache, Java for some, and the cloud under test in its environment."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from integration_tests.clients.packages import AWS_CLI, COMMAND, KCL, Package
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.launching import PROGRAMS

# The oldest Java that runs a source file of StreamStory's language level; the libraries are content with 8.
OLDEST_JAVA = 17


@pytest.fixture(scope="session")
def aws_cli() -> Package:
    return _needed(AWS_CLI)


@pytest.fixture(scope="session")
def kcl() -> Package:
    """The Kinesis Client Library, with a Java that can run it."""
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip(f"needs `java` and `javac` on PATH: install a JDK, version {OLDEST_JAVA} or later")
    shown = subprocess.run(["java", "-version"], capture_output=True, text=True, timeout=60).stderr
    version = re.search(r'version "(\d+)', shown)
    if version is None or int(version.group(1)) < OLDEST_JAVA:
        pytest.skip(f"needs Java {OLDEST_JAVA} or later; `java -version` says {shown.splitlines()[:1]}")
    return _needed(KCL)


def _needed(package: Package) -> Package:
    if not package.is_there:
        pytest.skip(f"{package.what} is not in the cache; `{COMMAND}` downloads it")
    return package


@pytest.fixture
def environment(cloud: Cloud, tmp_path: Path) -> Callable[..., dict[str, str]]:
    """`environment(identity, package)` is that of a client's process: this identity, and nothing of the user's own."""
    if cloud.target not in PROGRAMS:
        pytest.skip(f"{cloud.target} differs: these stories judge the local cloud")

    def of(identity: Clients, package: Package, **more: str) -> dict[str, str]:
        credentials = identity.session.get_credentials()
        assert credentials is not None
        token = {"AWS_SESSION_TOKEN": credentials.token} if credentials.token else {}
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(package.folder),
            "AWS_ACCESS_KEY_ID": credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
            "AWS_ENDPOINT_URL": str(cloud.endpoint),
            # Each kind of client reads one of the two.
            "AWS_REGION": cloud.region,
            "AWS_DEFAULT_REGION": cloud.region,
            **token,
            **more,
        }

    return of
