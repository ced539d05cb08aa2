"""Operations act as the stack's provider does, and in no other account than the one that is meant."""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fake_pulumi import FakePulumi
from fake_sts import FakeSts

from operations import access
from operations.access import Far, account_of, accounts_in
from operations.engine import Engine
from operations.errors import AccountError
from operations.stacks import Stack, read

pytestmark = pytest.mark.pure

PROJECT = Path(__file__).parents[2]
OURS, OTHERS, HUB = "444444444444", "777777777777", "888888888888"
WORKSHOP = {
    "region": "eu-west-1",
    "replicaRegion": "eu-west-1",
    "sourceTableName": "logfile",
    "replicaTableName": "logfile_replica",
    "positionsTableName": "",
    "writerRoleArn": "",
    "replicatorName": "ddbreplica_lambda",
    "replicatorRoleArn": f"arn:aws:iam::{OURS}:role/DDBReplicationRole",
    "mappingIds": {"replicator": {"stream": "a-mapping"}},
    "failureBucketName": "failures",
}


def stack(**provider: Any) -> Stack:
    values = {f"aws:{name}": value if isinstance(value, str) else json.dumps(value) for name, value in provider.items()}
    return Stack("workshop", OURS, "eu-west-1", {}, values)


@pytest.fixture
def engine(sts: FakeSts, tmp_path: Path) -> Engine:
    return Engine(tmp_path, {**os.environ, "AWS_ACCESS_KEY_ID": "AKIAOPERATOR", "AWS_SECRET_ACCESS_KEY": "s"})


def profiles(monkeypatch: pytest.MonkeyPatch, folder: Path, **keys: str) -> dict[str, str]:
    """An environment whose files have these profiles, each with an access key."""
    file = folder / "credentials"
    file.write_text(
        "".join(f"[{name}]\naws_access_key_id={key}\naws_secret_access_key=s\n" for name, key in keys.items())
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    return dict(os.environ)


def test_another_account_is_refused_with_both_named_and_what_to_type(sts: FakeSts, engine: Engine) -> None:
    sts.accounts["AKIAOPERATOR"] = OTHERS
    with pytest.raises(AccountError) as refused:
        account_of(engine, stack())
    assert str(refused.value) == (
        f"stack `workshop` is, by `aws:allowedAccountIds` in Pulumi.workshop.yaml, for account {OURS}, but these "
        f"credentials (arn:aws:iam::{OTHERS}:user/AKIAOPERATOR) are for account {OTHERS}; nothing was read or written. "
        f"`export AWS_PROFILE=…` with a profile of account {OURS}, or name a role there, and type the same command "
        f"again. AWS_ENDPOINT_URL is {sts.endpoint}: `unset` it if AWS itself is meant."
    )


def test_the_stacks_own_account_is_reached(sts: FakeSts, engine: Engine) -> None:
    sts.accounts["AKIAOPERATOR"] = OURS
    assert account_of(engine, stack(), WORKSHOP).identity["Account"] == OURS


def test_roles_are_assumed_one_after_another_with_everything_that_the_stack_says(sts: FakeSts, engine: Engine) -> None:
    """The second hop is made with what the first one granted, and nobody acts in the hub's account."""
    hub, there = f"arn:aws:iam::{HUB}:role/Hub", f"arn:aws:iam::{OURS}:role/TributaryDeployer"
    tags = {"team": "data"}
    found = account_of(
        engine,
        stack(
            assumeRoles=[
                {"roleArn": hub, "externalId": "raven-1", "duration": "1h30m", "sessionName": "ci"},
                {"roleArn": there, "externalId": "0042", "tags": tags, "policyArns": ["arn:aws:iam::aws:policy/X"]},
            ]
        ),
    )
    assert found.identity["Account"] == OURS
    (first_key, first), (second_key, second), (last_key, _) = sts.asked
    assert (first_key, first["RoleArn"], first["ExternalId"], first["DurationSeconds"], first["RoleSessionName"]) == (
        "AKIAOPERATOR", hub, "raven-1", "5400", "ci",
    )  # fmt: skip
    assert (sts.accounts[second_key], second["RoleArn"], second["ExternalId"]) == (HUB, there, "0042")
    assert (second["Tags.member.1.Key"], second["Tags.member.1.Value"]) == ("team", "data")
    assert second["PolicyArns.member.1.arn"] == "arn:aws:iam::aws:policy/X"
    assert sts.accounts[last_key] == OURS


def test_a_role_that_refuses_is_named_with_the_command_that_says_another_external_id(
    sts: FakeSts, engine: Engine
) -> None:
    hub, there = f"arn:aws:iam::{HUB}:role/Hub", f"arn:aws:iam::{OURS}:role/TributaryDeployer"
    sts.external_ids[there] = "0042"
    with pytest.raises(AccountError) as refused:
        account_of(engine, stack(assumeRoles=[{"roleArn": hub}, {"roleArn": there, "externalId": "0024"}]))
    told = str(refused.value)
    assert told.startswith(f"role {there} cannot be assumed: An error occurred (AccessDenied)")
    assert "`pulumi config set --stack workshop --path 'aws:assumeRoles[1].externalId' …` says another" in told
    assert told.endswith("Put that right, and type the same command again.")
    assert "0024" not in told

    reader = f"arn:aws:iam::{OURS}:role/Reader"
    sts.external_ids[reader] = "0042"
    with pytest.raises(
        AccountError, match=rf"^role {reader} cannot be assumed: .* says by whom it can\. Put that right"
    ):
        Far(reader).account(engine, "workshop", "eu-west-1", OURS)


def test_credentials_that_nobody_takes_are_told_with_what_to_type(sts: FakeSts, engine: Engine) -> None:
    role = f"arn:aws:iam::{OURS}:role/Ci"
    sts.external_ids[role] = "asked of every caller"
    web = {"roleArn": role, "webIdentityToken": "a-token"}
    with pytest.raises(AccountError, match=r"refuses these credentials: .* `export AWS_PROFILE=…` .* the same command"):
        account_of(engine, stack(assumeRoleWithWebIdentity=web))


def test_a_web_identity_comes_before_the_roles(sts: FakeSts, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("a-token\n")
    web = {"roleArn": f"arn:aws:iam::{OURS}:role/Ci", "webIdentityTokenFile": str(tmp_path / "token")}
    assert account_of(engine, stack(assumeRoleWithWebIdentity=web)).identity["Account"] == OURS
    key, request = sts.asked[0]
    assert (key, request["Action"], request["WebIdentityToken"]) == ("", "AssumeRoleWithWebIdentity", "a-token")


def test_credentials_of_a_role_are_renewed_before_they_end(sts: FakeSts, engine: Engine) -> None:
    role = f"arn:aws:iam::{OURS}:role/TributaryDeployer"
    sts.valid_s = [60.0]
    found = account_of(engine, stack(assumeRoles=[{"roleArn": role}]))
    client = found.client("sts")
    assert client.get_caller_identity()["Account"] == OURS
    assert sts.actions.count("AssumeRole") == 2
    assert len({key for key, request in sts.asked if request["Action"] == "GetCallerIdentity"}) == 1


def test_the_stacks_profile_goes_before_keys_in_the_environment(
    sts: FakeSts, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**engine.environment, **profiles(monkeypatch, tmp_path, ours="AKIAOURS")}
    sts.accounts |= {"AKIAOURS": OURS, "AKIAOPERATOR": OTHERS}
    found = account_of(replace(engine, environment=environment), stack(profile="ours"))
    assert found.identity["Arn"].endswith("AKIAOURS")


def test_the_provider_may_have_its_own_endpoints(sts: FakeSts, engine: Engine) -> None:
    sts.accounts["AKIAOPERATOR"] = OURS
    environment = {**engine.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    found = account_of(replace(engine, environment=environment), stack(endpoints=[{"sts": sts.endpoint}]))
    assert found.identity["Account"] == OURS
    assert found.client("kinesis").meta.endpoint_url == "http://127.0.0.1:9"


def test_a_far_end_is_in_the_account_that_is_known_of_it(
    sts: FakeSts, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {**engine.environment, **profiles(monkeypatch, tmp_path, far="AKIAFAR")}
    far_engine = replace(engine, environment=environment)
    sts.accounts["AKIAFAR"] = OTHERS
    assert Far(profile="far").account(far_engine, "workshop", "eu-west-1", OTHERS).identity["Account"] == OTHERS
    with pytest.raises(AccountError, match=rf"the far end of stack `workshop` is in account {HUB}, but .* {OTHERS};"):
        Far(profile="far").account(far_engine, "workshop", "eu-west-1", HUB)
    role = f"arn:aws:iam::{OURS}:role/Reader"
    assert Far(role, "far").account(far_engine, "workshop", "eu-west-1", OURS).identity["Account"] == OURS
    assert [key for key, request in sts.asked if request["Action"] == "AssumeRole"] == ["AKIAFAR"]


def test_a_stack_that_was_deployed_into_another_account_is_refused(sts: FakeSts, engine: Engine) -> None:
    sts.accounts["AKIAOPERATOR"] = OURS
    outputs = {"nested": {"roleArn": f"arn:aws:iam::{OTHERS}:role/a", "bucket": "arn:aws:s3:::b"}}
    assert accounts_in(outputs) == {OTHERS}
    with pytest.raises(
        AccountError, match=rf"was deployed into account {OTHERS}, but .* for account {OURS};.*`tributary up"
    ):
        account_of(engine, stack(), outputs)


def test_a_session_token_is_told_with_the_time_that_is_left(
    sts: FakeSts, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    access._tell_once.cache_clear()
    sts.accounts["AKIAOPERATOR"] = OURS
    ends = (datetime.now(UTC) + timedelta(minutes=43, seconds=20)).isoformat()
    environment = {**engine.environment, "AWS_SESSION_TOKEN": "t", "AWS_CREDENTIAL_EXPIRATION": ends}
    for _ in range(2):
        account_of(replace(engine, environment=environment), stack())
    told = capsys.readouterr().err
    assert told.startswith(
        "note: these credentials are a session token that cannot be refreshed; it ends in 43 minutes."
    )
    assert told.count("note:") == 1
    assert "`export AWS_PROFILE=…`" in told


def test_nobody_who_answers_is_told_with_what_to_type(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    environment = {**engine.environment, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    with pytest.raises(
        AccountError, match=r"http://127\.0\.0\.1:9.*`unset AWS_ENDPOINT_URL`.*`tributary local status`"
    ):
        account_of(replace(engine, environment=environment), stack())


def test_a_stack_is_reached_by_what_its_file_says(pulumi: FakePulumi, sts: FakeSts) -> None:
    found = read(Engine(PROJECT), "workshop")
    assert json.loads(found.provider["aws:assumeRoles"]) == [{"roleArn": f"arn:aws:iam::{OURS}:role/TributaryDeployer"}]
