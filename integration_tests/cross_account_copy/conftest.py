"""One deployed copy for the stories of a module."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from integration_tests.cross_account_copy.copy import Copy, deployed_copy
from integration_tests.support.addressing import Cloud


@pytest.fixture(scope="module")
def copy(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """Both sides as committed, with the changes that let a test end soon."""
    with ExitStack() as cleanup:
        yield deployed_copy(cloud, tmp_path_factory.mktemp("copy"), cleanup)
