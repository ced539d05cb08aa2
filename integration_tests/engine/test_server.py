"""Local clouds as processes: side by side, isolated from each other and from their caller, gone when stopped."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from integration_tests.support.waiting import eventually
from localcloud import accounts, server
from localcloud.errors import NotRunningError, PortInUseError, StartError
from localcloud.programs import Program
from localcloud.server import LocalCloud

pytestmark = pytest.mark.local

ANYTHING = {"Any": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}}
ACCOUNT = "999999999999"


@pytest.fixture
def local_cloud() -> Iterator[LocalCloud]:
    with server.start() as started:
        yield started


def client(cloud: LocalCloud, service: str, key: str, secret: str = "any", token: str | None = None) -> Any:
    return boto3.client(
        service,
        endpoint_url=cloud.endpoint,
        region_name="eu-west-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
    )


def make_table(cloud: LocalCloud, name: str) -> None:
    client(cloud, "dynamodb", ACCOUNT).create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def tables(cloud: LocalCloud) -> list[str]:
    return list(client(cloud, "dynamodb", ACCOUNT).list_tables()["TableNames"])


def test_two_local_clouds_share_nothing_and_leave_nothing(local_cloud: LocalCloud) -> None:
    with server.start() as other:
        make_table(local_cloud, "here")
        make_table(other, "there")
        assert (tables(local_cloud), tables(other)) == (["here"], ["there"])
        assert other.folder is not None
        assert other.folder.exists()
    assert not other.folder.exists()
    assert not other.healthy()
    assert tables(local_cloud) == ["here"]


def test_reset_empties_every_account(local_cloud: LocalCloud) -> None:
    make_table(local_cloud, "here")
    local_cloud.reset()
    assert tables(local_cloud) == []


def test_a_port_in_use_names_the_port_its_holder_and_the_next_command(local_cloud: LocalCloud) -> None:
    with pytest.raises(PortInUseError) as raised:
        server.start(local_cloud.port)
    text = str(raised.value)
    assert f"port {local_cloud.port} is in use by pid {local_cloud.pid} (" in text
    assert f"`tributary local start --port {local_cloud.port + 1}`" in text
    assert local_cloud.healthy()


def test_nothing_of_the_callers_environment_reaches_the_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("LEAK", "yes")
    with server.start() as started:
        seen = Path(f"/proc/{started.pid}/environ").read_bytes().split(b"\0")
    names = {variable.partition(b"=")[0].decode() for variable in seen if variable}
    assert {"LEAK", "AWS_PROFILE", "VIRTUAL_ENV"}.isdisjoint(names)
    assert names >= {"AUTH", "GATEWAY_PORT", "STATE_DIR", "TMPDIR"}


def test_a_failed_start_shows_the_end_of_the_log_and_keeps_it(tmp_path: Path) -> None:
    with pytest.raises(StartError) as raised:
        server.start(folder=tmp_path, program=Program("the local cloud", "no_such_emulator"))
    assert "ended with exit code 1" in str(raised.value)
    assert "No module named no_such_emulator" in str(raised.value)
    assert "No module named no_such_emulator" in (tmp_path / server.LOG_FILE).read_text()


def test_a_local_cloud_dies_with_its_owner() -> None:
    """Even when the owner is killed and can stop nothing."""
    owner = "import os; from localcloud import server; print(server.start().pid, flush=True); os.kill(os.getpid(), 9)"
    done = subprocess.run([sys.executable, "-c", owner], capture_output=True, text=True)
    pid = int(done.stdout)
    eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_attaching_gives_the_same_cloud_and_does_not_stop_it(local_cloud: LocalCloud) -> None:
    with server.attach(local_cloud.endpoint + "/") as attached:
        assert (attached.endpoint, attached.port) == (local_cloud.endpoint, local_cloud.port)
    assert local_cloud.healthy()
    local_cloud.stop()
    with pytest.raises(
        NotRunningError, match=r"nothing at .* answers as a local cloud.*`make shell` .*`tributary local status`"
    ):
        server.attach(local_cloud.endpoint)


def test_the_operator_may_assume_deployers_and_nothing_else(local_cloud: LocalCloud) -> None:
    operator = accounts.prepare(local_cloud, [ACCOUNT], ANYTHING)
    key = (operator.access_key_id, operator.secret_access_key)

    sts = client(local_cloud, "sts", *key)
    session = sts.assume_role(RoleArn=accounts.deployer_role_arn(ACCOUNT), RoleSessionName="test")["Credentials"]
    deployer = (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    assert client(local_cloud, "sts", *deployer).get_caller_identity()["Account"] == ACCOUNT
    assert client(local_cloud, "dynamodb", *deployer).list_tables()["TableNames"] == []

    with pytest.raises(ClientError, match="AccessDenied"):
        client(local_cloud, "dynamodb", *key).list_tables()
    make_role(local_cloud, "SomeoneElse")
    with pytest.raises(ClientError, match="AccessDenied"):
        sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/SomeoneElse", RoleSessionName="test")


def make_role(cloud: LocalCloud, name: str) -> None:
    """A role that trusts the operator's account as much as the deployer does."""
    deployer = accounts.root_client(cloud, ACCOUNT).get_role(RoleName=accounts.DEPLOYER_ROLE)["Role"]
    # boto3 has parsed the document: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
    trust = deployer["AssumeRolePolicyDocument"]
    client(cloud, "iam", ACCOUNT).create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))


def test_preparing_again_keeps_the_operators_key(local_cloud: LocalCloud) -> None:
    first = accounts.prepare(local_cloud, [ACCOUNT], ANYTHING)
    assert accounts.prepare(local_cloud, [ACCOUNT, "111111111111"], ANYTHING) == first


def test_a_stopped_cloud_is_named_when_accounts_are_prepared(local_cloud: LocalCloud) -> None:
    local_cloud.stop()
    with pytest.raises(NotRunningError, match="has stopped; `tributary local start` starts one"):
        accounts.prepare(local_cloud, [ACCOUNT], ANYTHING)
