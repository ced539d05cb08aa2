"""The harness itself: the cloud starts, accounts are apart, a function runs, and a wait that fails says what it saw."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from integration_tests.pythons import found
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


def test_pythons_are_those_that_work_and_are_supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each version, the newest release; not this one's."""
    here = sys.version_info[1]
    others = [minor for _, minor in found.SUPPORTED if minor != here]
    says = {
        "3.9.18": "echo 3 9",
        f"3.{here}.99": f"echo 3 {here}",
        f"3.{others[0]}.9": f"echo 3 {others[0]}",
        f"3.{others[0]}.10": f"echo 3 {others[0]}",
        f"3.{others[1]}.1": "exit 127",
    }
    for release, script in says.items():
        program = tmp_path / "versions" / release / "bin" / "python3"
        program.parent.mkdir(parents=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert found.others() == {(3, others[0]): tmp_path / "versions" / f"3.{others[0]}.10" / "bin" / "python3"}
