"""What an interrupted deployment left is taken into the state or forgotten before the next one."""

import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from fake_pulumi import FakePulumi, secret

from operations import access, deploying
from operations.engine import SIGNATURE, Engine
from operations.errors import StackError
from operations.recovering import recover
from operations.stacks import Stack

pytestmark = pytest.mark.pure

STACK = Stack("dev", "444444444444", "eu-west-1", {}, {})
KNOWN = {"urn": "urn", "type": "aws:iam/role:Role", "id": "known"}
ASSET = {SIGNATURE: "c44067f5952c0a294b673a41bacd8c17", "hash": "289059d9", "path": "main.py"}
REFRESH = ["refresh", "--yes", "--skip-preview", "--stack", "dev"]


class Account:
    """An account with one role, one log group, one key without an alias, one row and one permission."""

    identity = {"Account": "444444444444"}  # noqa: RUF012  it stands for a property

    def client(self, service: str) -> Any:
        return self

    def get_role(self, RoleName: str) -> Any:  # noqa: N803
        if RoleName != "there":
            raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": "no"}}, "GetRole")
        return {"Role": {"RoleName": RoleName}}

    def describe_log_groups(self, logGroupNamePrefix: str) -> Any:  # noqa: N803
        return {"logGroups": [{"logGroupName": f"{logGroupNamePrefix}-longer"}, {"logGroupName": logGroupNamePrefix}]}

    def get_paginator(self, operation: str) -> Any:
        page = {"Aliases": [{"TargetKeyId": "named"}], "Keys": [{"KeyId": "named"}, {"KeyId": "unnamed"}]}
        return type("Paginator", (), {"paginate": lambda self: [page]})()

    def describe_key(self, KeyId: str) -> Any:  # noqa: N803
        return {"KeyMetadata": {"KeyState": "Enabled", "Description": "of the copy"}}

    def get_item(self, TableName: str, Key: Any, ConsistentRead: bool) -> Any:  # noqa: N803
        return {"Item": Key} if Key == {"id": {"S": "7"}, "at": {"B": b"x"}} else {}

    def get_policy(self, FunctionName: str) -> Any:  # noqa: N803
        events = {"Service": "events.amazonaws.com"}
        allowed = {"Action": "lambda:InvokeFunction", "Principal": events}
        statements = [
            {"Sid": "other", **allowed, "Condition": {"ArnLike": {"AWS:SourceArn": "arn:other"}}},
            {"Sid": "pulumi-1", **allowed, "Condition": {"ArnLike": {"AWS:SourceArn": "arn:rule"}}},
        ]
        return {"Policy": json.dumps({"Statement": statements})}


def creating(kind: str, resource: str, **inputs: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::tributary::{kind}::{resource}"
    return {"type": "creating", "resource": {"urn": urn, "type": kind, "inputs": inputs}}


def told_of(
    pulumi: FakePulumi,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    *pending: dict[str, Any],
    resources: Sequence[dict[str, Any]] = (),
    **environment: str,
) -> tuple[list[list[str]], list[str]]:
    """What Pulumi is asked to do, besides showing the state, and what is said."""
    monkeypatch.setattr(access, "account_of", lambda *_: Account())
    pulumi.deploy("dev", {}, [KNOWN, *resources], pending)
    said: list[str] = []
    recover(Engine(folder, {**os.environ, **environment}), STACK, said.append, said.append)
    return [call for call in pulumi.calls if call[:2] != ["stack", "export"]], said


def test_what_is_there_is_imported_and_the_rest_is_forgotten(
    pulumi: FakePulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, said = told_of(
        pulumi, tmp_path, monkeypatch,
        creating("aws:iam/role:Role", "one", name="there"),
        creating("aws:iam/role:Role", "two", name="missing"),
        creating("aws:cloudwatch/logGroup:LogGroup", "three", name="/aws/lambda/f"),
        creating("aws:kms/key:Key", "four", description="of the copy"),
        creating("aws:cloudwatch/metricAlarm:MetricAlarm", "five", name="alarm"),
    )  # fmt: skip
    urn = "urn:pulumi:dev::tributary::"
    found = {
        f"{urn}aws:iam/role:Role::one": "there",
        f"{urn}aws:cloudwatch/logGroup:LogGroup::three": "/aws/lambda/f",
        f"{urn}aws:kms/key:Key::four": "unnamed",
    }
    (put, refresh) = asked
    assert put[:-1] == ["stack", "import", "--stack", "dev", "--file"]
    assert refresh == [*REFRESH, *(word for one in found for word in ("--target", one))]
    state = pulumi.imported
    assert state["pending_operations"] == []
    assert {one["urn"]: one["id"] for one in state["resources"] if one["urn"].startswith(urn)} == found
    assert [one["inputs"] for one in state["resources"] if one.get("id") == "there"] == [{"name": "there"}]
    line, question = said
    assert question == "Is that this deployment's own?"
    assert line.startswith(
        "An earlier deployment of `dev` was interrupted. It made `there`, `/aws/lambda/f`, `unnamed`"
    )


def test_rows_and_permissions_are_found_by_what_they_say(
    pulumi: FakePulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is there is not made again by the provider; a permission would be there twice."""
    keys = {"tableName": "rows", "hashKey": "id", "rangeKey": "at"}
    row = {**keys, "item": json.dumps({"id": {"S": "7"}, "at": {"B": "eA=="}, "of": {"S": "program"}})}
    allowed = {"function": "drain", "action": "lambda:InvokeFunction", "principal": "events.amazonaws.com"}
    item, permission = "aws:dynamodb/tableItem:TableItem", "aws:lambda/permission:Permission"
    told_of(
        pulumi, tmp_path, monkeypatch,
        creating(item, "there", **row),
        creating("aws:iam/role:Role", "with an asset", name="missing", file=ASSET),
        creating(item, "hidden", **{**row, "item": secret(row["item"])}),
        creating(item, "missing", **{**row, "item": row["item"].replace("7", "8")}),
        creating(permission, "of the rule", **allowed, sourceArn="arn:rule"),
        creating(permission, "of no rule", **allowed),
        creating(permission, "named", **allowed, statementId="other"),
    )  # fmt: skip
    found = {one["urn"].rpartition("::")[2]: one for one in pulumi.imported["resources"] if "::" in one["urn"]}
    assert {name: one["id"] for name, one in found.items() if name != "root"} == {
        "there": "rows|id|at|7|eA==",
        "hidden": "rows|id|at|7|eA==",
        "of the rule": "drain/pulumi-1",
        "named": "drain/other",
    }
    # The provider reads an item by what is known of it; the others it imports.
    assert (found["there"]["outputs"], found["of the rule"]["outputs"]) == (row, {})
    assert "plaintext" not in json.dumps(pulumi.imported)


def test_what_was_being_changed_or_deleted_is_looked_at(
    pulumi: FakePulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment would take for granted that what was being deleted is there."""
    begun = [
        {**creating("aws:iam/role:Role", "one", name="there"), "type": "deleting"},
        {**creating("aws:kms/key:Key", "two"), "type": "updating"},
    ]
    urns = [one["resource"]["urn"] for one in begun]
    asked, (said,) = told_of(pulumi, tmp_path, monkeypatch, *begun)
    assert asked == [[*REFRESH, "--target", urns[0], "--target", urns[1]]]
    assert said == ("A deployment of `dev` was interrupted while it changed or deleted `one`, `two`: looking at them.")


@pytest.mark.parametrize("deleted_first", [False, True])
def test_what_was_made_in_the_place_of_another_comes_before_it(
    deleted_first: bool, pulumi: FakePulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one is deleted by the next deployment, unless it was already."""
    one = creating("aws:iam/role:Role", "one", name="there")
    old = {"urn": one["resource"]["urn"], "type": "aws:iam/role:Role", "id": "old"}
    if deleted_first:
        old["pendingReplacement"] = True
    told_of(pulumi, tmp_path, monkeypatch, one, resources=[old])
    found = [
        (found["id"], found.get("delete", False))
        for found in pulumi.imported["resources"]
        if found["urn"] == old["urn"]
    ]
    assert found == ([("there", False)] if deleted_first else [("there", False), ("old", True)])


def test_nothing_is_done_where_nothing_was_interrupted(
    pulumi: FakePulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told_of(pulumi, tmp_path, monkeypatch) == ([], [])


@pytest.mark.parametrize(
    ("hostname", "alive", "cancels"),
    [(socket.gethostname(), False, True), (socket.gethostname(), True, False), ("elsewhere", False, False)],
    ids=["killed here", "running here", "another machine"],
)
def test_a_lock_of_a_process_that_was_killed_is_taken_away(
    hostname: str, alive: bool, cancels: bool, pulumi: FakePulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = os.spawnlp(os.P_NOWAIT, "true", "true")
    os.waitpid(ended, 0)
    (tmp_path / "Pulumi.yaml").write_text("name: tributary\n")
    lock = tmp_path / "state" / ".pulumi" / "locks" / "organization" / "tributary" / "dev" / "1.json"
    lock.parent.mkdir(parents=True)
    lock.write_text(json.dumps({"pid": os.getpid() if alive else ended, "hostname": hostname, "username": "ada"}))
    backend = (tmp_path / "state").as_uri()
    asked, said = told_of(pulumi, tmp_path, monkeypatch, PULUMI_BACKEND_URL=backend)
    assert asked == ([["cancel", "--yes", "--stack", "dev"]] if cancels else [])
    assert bool(said) is cancels


TARGET = """config:
  aws:region: eu-west-1
  aws:allowedAccountIds: ["999999999999"]
  tributary:architectures: {copy: {kind: cross-account-copy/target, writer: {accountId: "111111111111"}}}
"""
SOURCE = """config:
  aws:region: eu-west-1
  aws:allowedAccountIds: ["111111111111"]
  tributary:architectures: {copy: {kind: cross-account-copy/source, target: {stack: poc.eu}}}
"""


def test_a_target_whose_name_has_a_dot_is_not_destroyed_under_its_source(pulumi: FakePulumi, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.poc.eu.yaml").write_text(TARGET)
    (tmp_path / "Pulumi.prod.eu.yaml").write_text(SOURCE)
    for stack in ("poc.eu", "prod.eu"):
        pulumi.deploy(stack, {})
    with pytest.raises(StackError, match=r"`prod\.eu` reads its outputs .* `tributary destroy prod\.eu poc\.eu`"):
        deploying.destroy(Engine(tmp_path), ["poc.eu"], yes=True)
    assert [call for call in pulumi.calls if call[0] == "destroy"] == []
    deploying.destroy(Engine(tmp_path), [], yes=True)
    destroyed = [call[2] for call in pulumi.calls if call[0] == "destroy"]
    assert destroyed == ["prod.eu", "poc.eu"]
