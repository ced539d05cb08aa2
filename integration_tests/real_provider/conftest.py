"""The real provider, installed once for all tests of this folder."""

from pathlib import Path

import pytest

from integration_tests.real_provider.terraform import initialized


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Terraform has the provider; skips what needs it where there is none."""
    return initialized(tmp_path_factory.mktemp("provider"))
