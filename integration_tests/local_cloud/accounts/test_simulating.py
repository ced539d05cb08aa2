"""Who may ask IAM what a role may do: it is authorized on that role, user or group.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

import pytest

from integration_tests.local_cloud.accounts.refusals import denied
from integration_tests.support.addressing import statement

pytestmark = [pytest.mark.local, pytest.mark.aws]


def test_a_simulation_is_allowed_for_the_roles_that_a_policy_names(account, make, principal):
    mine = account()
    queue = f"arn:aws:sqs:eu-west-1:{mine}:orders"
    known = make.role(mine, [statement("sqs:SendMessage", queue)], trusts={"AWS": mine})
    other = make.role(mine, [], trusts={"AWS": mine})
    iam = principal(mine, [statement("iam:SimulatePrincipalPolicy", known)]).iam
    asked = {"ActionNames": ["sqs:SendMessage", "sqs:DeleteQueue"], "ResourceArns": [queue]}
    answer = iam.simulate_principal_policy(PolicySourceArn=known, **asked)
    decisions = {one["EvalActionName"]: one["EvalDecision"] for one in answer["EvaluationResults"]}
    assert decisions == {"sqs:SendMessage": "allowed", "sqs:DeleteQueue": "implicitDeny"}
    assert other in denied(iam.simulate_principal_policy, PolicySourceArn=other, **asked)
