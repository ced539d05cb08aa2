"""A `pulumi` that answers at once and an STS; and the fakes of this folder, known to the tests in those below it."""

import os
from collections.abc import Iterator

import pytest
from fake_pulumi import FakePulumi
from fake_sts import FakeSts, serving


@pytest.fixture
def pulumi(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> FakePulumi:
    """Engines are answered by it, and one made afterwards finds a `pulumi` on PATH."""
    fake, program = FakePulumi(), tmp_path_factory.mktemp("bin") / "pulumi"
    program.touch(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("operations.engine.attended", fake.attended)
    return fake


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSts]:
    """What AWS_ENDPOINT_URL names; nothing else of the caller's AWS settings is left in the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with serving() as fake:
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            monkeypatch.setenv(name, os.devnull)
        monkeypatch.setenv("AWS_ENDPOINT_URL", fake.endpoint)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield fake
