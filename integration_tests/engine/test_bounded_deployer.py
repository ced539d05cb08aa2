"""The recommended form of the deployer: it makes roles under a boundary alone, which its stacks name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from integration_tests.support.addressing import Cloud
from integration_tests.support.deployments import prepare
from localcloud import accounts
from localcloud.server import attach
from operations.deployer_policies import BOUNDARY, SOURCE, bounded, managed, read
from operations.errors import EngineError

pytestmark = pytest.mark.local

STACK, COMMITTED = "workshop-far", "555555555555"
NAME = "TributaryBoundary"


def test_a_bounded_deployer_makes_bounded_roles_and_no_others(cloud: Cloud, tmp_path: Path) -> None:
    account_id = cloud.new_account()
    engine = prepare(cloud, tmp_path, {STACK: {"deletionProtection": False}}, {COMMITTED: account_id})
    assert cloud.endpoint is not None
    assert cloud.log is not None
    local = replace(attach(cloud.endpoint), folder=cloud.log.parent)
    policies = {
        f"Bounded-{number}": {"Version": "2012-10-17", "Statement": list(statements)}
        for number, statements in enumerate(managed(bounded(read(SOURCE), NAME)), 1)
    }
    accounts.prepare(local, [account_id], policies)
    iam = accounts.root_client(local, account_id)
    document = json.dumps(json.loads(BOUNDARY.read_text()), separators=(",", ":"))
    boundary = iam.create_policy(PolicyName=NAME, PolicyDocument=document)["Policy"]["Arn"]
    with pytest.raises(EngineError, match=r"not authorized to perform: iam:CreateRole on resource: \S+Writer "):
        engine.up(STACK)

    file = tmp_path / f"Pulumi.{STACK}.yaml"
    said = yaml.safe_load(file.read_text())
    said["config"]["tributary:roles"] = {"permissionsBoundary": boundary}
    file.write_text(yaml.safe_dump(said))
    engine.up(STACK)
    engine.run(["preview", "--expect-no-changes", "--refresh", "--stack", STACK])
    role = engine.outputs(STACK)["logfile"]["writerRoleArn"].rpartition("/")[2]
    found = iam.get_role(RoleName=role)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
    assert found == boundary
    engine.destroy(STACK)
