"""iam:PermissionsBoundary: who may make bounded roles only makes no others, and gives those no way out."""

import json

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

TRUST = {"Version": "2012-10-17", "Statement": [statement("sts:AssumeRole", Principal={"Service": "a.amazonaws.com"})]}
ANYTHING = json.dumps({"Version": "2012-10-17", "Statement": [statement("*")]})
GIVING = ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary"]


def test_a_role_is_made_and_changed_under_the_boundary_alone(account, clients, principal, unique, cleanup) -> None:
    mine = account()
    iam = clients(mine).iam
    boundary, wider = (
        iam.create_policy(PolicyName=unique(name), PolicyDocument=ANYTHING)["Policy"]["Arn"]
        for name in ("boundary", "wider")
    )
    bounded = statement(GIVING, Condition={"ArnLike": {"iam:PermissionsBoundary": boundary}})
    deployer = principal(mine, [bounded]).iam
    made, others = unique("made"), unique("others")
    iam.create_role(RoleName=others, AssumeRolePolicyDocument=json.dumps(TRUST))
    trust = {"AssumeRolePolicyDocument": json.dumps(TRUST)}
    policy = {"PolicyName": "p", "PolicyDocument": ANYTHING}
    deployer.create_role(RoleName=made, **trust, PermissionsBoundary=boundary)
    cleanup(iam.delete_role, RoleName=others)
    cleanup(iam.delete_role, RoleName=made)
    deployer.put_role_policy(RoleName=made, **policy)
    deployer.delete_role_policy(RoleName=made, PolicyName="p")

    refused = {
        "without a boundary": lambda: deployer.create_role(RoleName=unique("free"), **trust),
        "with another one": lambda: deployer.create_role(RoleName=unique("wide"), **trust, PermissionsBoundary=wider),
        "another one later": lambda: deployer.put_role_permissions_boundary(RoleName=made, PermissionsBoundary=wider),
        "a role that has none": lambda: deployer.put_role_policy(RoleName=others, **policy),
    }
    for call in refused.values():
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
    # What it may bound, it may give permissions to.
    deployer.put_role_permissions_boundary(RoleName=others, PermissionsBoundary=boundary)
    deployer.put_role_policy(RoleName=others, **policy)
    iam.delete_role_policy(RoleName=others, PolicyName="p")
