"""The harness itself: the cloud starts, accounts are apart, a function runs, and a wait that fails says what it saw."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from integration_tests.pythons import found
from integration_tests.support.addressing import Cloud, statement
from integration_tests.support.waiting import eventually as wait
from localcloud.pythons import Python

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
def test_a_wait_is_over_at_a_state_that_lasts() -> None:
    seen = iter(["CREATING", "CREATING_FAILED", "nobody looks again"])
    with pytest.raises(AssertionError, match="CREATING_FAILED is a state that lasts"):
        wait(lambda: next(seen), equals="ACTIVE", timeout=60)
    with pytest.raises(AssertionError, match="Failed is a state that lasts; last observed"):
        wait(lambda: {"Name": "x", "State": "Failed"}, until=lambda found: found["State"] == "Active", timeout=60)
    with pytest.raises(AssertionError, match="ENABLE_FAILED is a state that lasts"):
        wait(lambda: [{"DestinationStatus": "ENABLE_FAILED"}], until=lambda found: not found, timeout=60)
    assert wait(lambda: "FAILED", equals="FAILED", timeout=60) == "FAILED"


@pytest.mark.pure
@pytest.mark.parametrize(("target", "again"), [("localstack", True), ("local", False)])
def test_accounts_are_lent_and_used_again_where_they_cost_something(tmp_path, target, again) -> None:
    cloud = Cloud(target, "http://127.0.0.1:9", tmp_path)
    with ExitStack() as whole, ExitStack() as first:
        kept = cloud.lend_account(whole)
        lent = cloud.lend_account(first)
        first.close()
        assert kept != lent
        with ExitStack() as second:
            assert (cloud.lend_account(second) == lent) is again
            assert cloud.lend_account(second) not in (kept, lent)


@pytest.mark.pure
def test_an_account_in_which_something_was_left_is_not_lent_again(tmp_path) -> None:
    cloud = Cloud("localstack", "http://127.0.0.1:9", tmp_path)
    until = ExitStack()
    lent = cloud.lend_account(until)
    until.callback(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        until.close()
    with ExitStack() as later:
        assert cloud.lend_account(later) != lent


def on_localstack(folder: Path, endpoint: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A run of its own with `--target localstack`."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--target", "localstack"]
    return subprocess.run(
        [*command, f"--basetemp={folder / 'run'}", *arguments],
        env={**os.environ, "AWS_ENDPOINT_URL": endpoint},
        capture_output=True,
        text=True,
    )


@pytest.mark.pure
def test_a_target_that_does_not_answer_ends_the_run_with_what_to_do(tmp_path) -> None:
    done = on_localstack(tmp_path, "http://127.0.0.1:9", __file__, "-k", "accounts_do_not_see")
    assert done.returncode == 4
    assert "nothing at http://127.0.0.1:9 answers as LocalStack does. Start it (docs/localstack.md), or" in done.stdout


@pytest.mark.pure
def test_pythons_are_those_that_are_supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each version, this one's excepted; the machine's own comes before the downloaded one."""
    here, (_, newest) = sys.version_info[1], found.ARTIFACT_VERSION
    on_it = [Python((3, minor, 1), tmp_path / f"3.{minor}") for minor in (9, here, 12 if here != 12 else 13)]
    downloaded = tmp_path / "bin" / "python3"
    downloaded.parent.mkdir()
    downloaded.touch()
    monkeypatch.setattr(found.pythons, "found", lambda: on_it)
    monkeypatch.setattr(found, "_downloaded", lambda: tmp_path)
    expected = {(3, on_it[2].version[1]): on_it[2].path, (3, newest): downloaded}
    expected.pop((3, here), None)
    assert found.others() == expected


def test_stories_run_on_a_cloud_that_somebody_else_started(cloud, tmp_path) -> None:
    """This local cloud answers at LocalStack's path; the run has neither its log nor its control."""
    if cloud.target != "local":
        pytest.skip("asked of the local cloud, which answers as LocalStack does")
    copying = Path(__file__).with_name("cross_account_copy") / "test_copying.py"
    wanted = "function_runs or principal or tests_are_skipped_for or arrives_in_the_table or poison_record"
    table = Path(__file__).with_name("test_localstack.py")
    done = on_localstack(tmp_path, cloud.endpoint, __file__, str(table), str(copying), "-k", wanted)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^4 passed, \d+ skipped", done.stdout, flags=re.MULTILINE), done.stdout
