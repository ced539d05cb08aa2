"""What an account asks of every role holds for every role that a stack makes."""

import pytest

from components.errors import SettingsError
from components.role_settings import role_settings
from tests.components.deployed import declare, every

pytestmark = pytest.mark.mocks

ACCOUNT = "444444444444"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/TributaryBoundary"
REPLICA = {"logfile": {"kind": "table-replica", "bulk": {}}}


def test_every_role_has_the_boundary() -> None:
    declared, _ = declare(REPLICA, ACCOUNT, roles={"permissionsBoundary": BOUNDARY})
    assert [role.inputs.get("permissionsBoundary") for role in every(declared, "Role")] == [BOUNDARY] * 3
    declared, _ = declare(REPLICA, ACCOUNT)
    assert [role.inputs.get("permissionsBoundary") for role in every(declared, "Role")] == [None] * 3


def test_lambda_alone_may_be_trusted_without_the_account() -> None:
    declared, _ = declare(REPLICA, ACCOUNT, roles={"lambdaSourceAccount": False})
    conditions = {
        statement["Principal"]["Service"]: statement.get("Condition")
        for role in every(declared, "Role")
        for statement in role.policy("assumeRolePolicy")
    }
    assert conditions == {
        "lambda.amazonaws.com": None,
        "states.amazonaws.com": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }


def test_a_mistake_is_told() -> None:
    with pytest.raises(SettingsError, match=r"`tributary:roles\.permissionBoundary` is not .* `permissionsBoundary`\?"):
        role_settings("Pulumi.poc.yaml", {"permissionBoundary": BOUNDARY})
