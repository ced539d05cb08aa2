"""One deployed workshop for the stories of a module."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from integration_tests.support.addressing import Cloud
from integration_tests.table_replica.deployed import Deployed, deployed


@pytest.fixture(scope="package")
def workshop(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The stack `workshop` as committed, with the changes that let a test end soon."""
    with ExitStack() as cleanup:
        yield deployed(cloud, tmp_path_factory.mktemp("workshop"), cleanup)
