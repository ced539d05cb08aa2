"""The harness itself: the cloud starts, accounts are apart, a function runs, and a wait that fails says what it saw."""

import os
import subprocess
import sys

import pytest

from integration_tests.support.addressing import statement
from integration_tests.support.waiting import eventually as wait

pytestmark = pytest.mark.local


def test_accounts_do_not_see_each_other(account, clients, stream) -> None:
    mine, other = account(), account()
    arn = stream(mine)
    assert clients(mine).kinesis.list_streams()["StreamNames"] == [arn.rsplit("/", 1)[1]]
    assert clients(other).kinesis.list_streams()["StreamNames"] == []


def test_a_function_runs_with_its_environment(account, function) -> None:
    echo = function(
        account(),
        "import os\ndef handler(event, _): return [event, os.environ['WHERE']]",
        environment={"WHERE": "here"},
    )
    assert echo.invoke({"a": 1})["Payload"] == [{"a": 1}, "here"]


def test_a_principal_has_exactly_its_permissions(account, principal, stream, bucket) -> None:
    mine = account()
    identity = principal(mine, [statement("s3:ListAllMyBuckets")])
    name = bucket(mine)
    assert [found["Name"] for found in identity.s3.list_buckets()["Buckets"]] == [name]
    with pytest.raises(identity.kinesis.exceptions.ClientError, match="AccessDenied"):
        identity.kinesis.list_streams()


@pytest.mark.pure
def test_a_wait_that_fails_says_what_it_saw() -> None:
    with pytest.raises(AssertionError, match=r"not within 0 s; last observed \[1\]; wanted \[1, 2\]"):
        wait(lambda: [1], equals=[1, 2], timeout=0)


@pytest.mark.pure
def test_a_target_that_does_not_answer_ends_the_run_with_what_to_do() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--target", "localstack", __file__]
    done = subprocess.run(
        [*command, "-k", "accounts_do_not_see"],
        env={**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 4
    assert "nothing at http://127.0.0.1:9 answers as LocalStack does. Start it, or say where it is" in done.stdout
