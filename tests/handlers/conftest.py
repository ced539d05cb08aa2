from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from fake_aws import FakeAws

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAFUNCTION",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "FAILURE_BUCKET": "failures",
}
# What the machine may have set and must not reach the handlers.
FOREIGN_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_SESSION_TOKEN",
    "DROP_ATTRIBUTES",
    "EXTERNAL_ID",
    "HASH_ATTRIBUTES",
    "HASH_SALT",
    "KEEP_NESTED",
    "OLDER_TABLE",
    "OLD_IMAGE",
    "PARTITION_KEYS",
    "STREAM_ARN",
    "TARGET_REGION",
    "WEEKLY_TABLES",
    "WRITE_THREADS",
)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """AWS as the handlers see it; backoff takes no time."""
    fake = FakeAws()
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _session, request: fake.send(request))
    monkeypatch.setattr("handlers.shared.time_budget.BASE_DELAY_S", 0.0)
    return fake


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Imports a function's entry point anew, as a Lambda sandbox would, under the environment given."""
    loaded: list[str] = []

    def load(package: str, **environment: str) -> ModuleType:
        for name in FOREIGN_VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in {**CREDENTIALS, **environment}.items():
            monkeypatch.setenv(name, value)
        name = f"handlers.{package}.main"
        sys.modules.pop(name, None)
        loaded.append(name)
        return importlib.import_module(name)

    yield load
    for name in loaded:
        sys.modules.pop(name, None)
