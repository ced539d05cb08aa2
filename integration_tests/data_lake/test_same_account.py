"""Every change of a table reaches the lake of its own account, is healed when something breaks, and stays private."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from integration_tests.data_lake.lake import ONE_ACCOUNT, Lake, deployed_lake, designations
from integration_tests.support.addressing import Cloud

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]


@pytest.fixture(scope="module")
def lake(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with ExitStack() as cleanup:
        yield deployed_lake(cloud, tmp_path_factory.mktemp("lake"), cleanup, ONE_ACCOUNT)


def adam(designation: str) -> dict[str, Any]:
    return {"id": {"S": "864732"}, "name": {"S": "Adam"}, "Designation": {"S": designation}}


def test_both_states_of_the_item_are_in_the_lake(lake: Lake, eventually: Eventually) -> None:
    lake.put(adam("Architect"))
    lake.put(adam("Senior Architect"))

    states = [("Adam", "Architect"), ("Adam", "Senior Architect")]
    eventually(lambda: designations(lake.rows()), equals=states, timeout=60)
