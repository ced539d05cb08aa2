"""Changes of a table in one account reach the lake of another: only there, by one role, and in spite of what breaks."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration_tests.data_lake.lake import TWO_ACCOUNTS, Lake, deployed_lake, designations
from integration_tests.support.addressing import Clients, Cloud, credentials_of, statement
from integration_tests.support.factories import Factories

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]


@pytest.fixture(scope="module")
def lake(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with ExitStack() as cleanup:
        yield deployed_lake(cloud, tmp_path_factory.mktemp("lake"), cleanup, TWO_ACCOUNTS)


def chris(designation: str) -> dict[str, Any]:
    return {"id": {"S": "864732"}, "name": {"S": "Chris"}, "Designation": {"S": designation}}


STATES = [("Chris", "Senior Consultant"), ("Chris", "Principal Consultant")]


def test_both_states_of_the_item_are_in_the_other_accounts_lake(lake: Lake, eventually: Eventually) -> None:
    for _, designation in STATES:
        lake.put(chris(designation))

    eventually(lambda: designations(lake.rows()), equals=STATES, timeout=60)
    [key] = {
        lake.consumer.s3.head_object(Bucket=lake.store["bucketName"], Key=one)["SSEKMSKeyId"] for one in lake.keys()
    }
    assert key == lake.store["keyArn"]
