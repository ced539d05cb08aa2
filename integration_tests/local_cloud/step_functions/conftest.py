"""A state machine with its role, as the stories of this package start it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from integration_tests.support.addressing import Clients


@dataclass(frozen=True)
class Machine:
    """A state machine of one account. `run` starts it and waits for its end."""

    arn: str
    role_arn: str
    clients: Clients
    eventually: Callable[..., Any]

    def start(self, given: Mapping[str, Any], name: str | None = None) -> str:
        named = {"name": name} if name else {}
        answer = self.clients.stepfunctions.start_execution(stateMachineArn=self.arn, input=json.dumps(given), **named)
        return str(answer["executionArn"])

    def run(self, given: Mapping[str, Any]) -> dict[str, Any]:
        arn = self.start(given)
        return self.eventually(
            lambda: self.clients.stepfunctions.describe_execution(executionArn=arn),
            until=lambda found: found["status"] != "RUNNING",
            timeout=30,
        )

    def allow(self, *statements: Mapping[str, Any]) -> None:
        """Give the role these permissions and no others."""
        policy = json.dumps({"Version": "2012-10-17", "Statement": [dict(one) for one in statements]})
        name = self.role_arn.rsplit("/", 1)[-1]
        self.clients.iam.put_role_policy(RoleName=name, PolicyName="machine", PolicyDocument=policy)

    def map_run(self, execution_arn: str) -> dict[str, Any]:
        [run] = self.clients.stepfunctions.list_map_runs(executionArn=execution_arn)["mapRuns"]
        return self.clients.stepfunctions.describe_map_run(mapRunArn=run["mapRunArn"])


@pytest.fixture
def machine(clients, role, unique, cleanup, eventually) -> Callable[..., Machine]:
    """`machine(account_id, definition)` creates one whose role may do nothing yet."""

    def create(account_id: str, definition: Mapping[str, Any]) -> Machine:
        mine = clients(account_id)
        role_arn = role(account_id, trusts="states.amazonaws.com")
        name = role_arn.rsplit("/", 1)[-1]
        arn = mine.stepfunctions.create_state_machine(
            name=unique("machine"), definition=json.dumps(definition), roleArn=role_arn
        )["stateMachineArn"]
        cleanup(mine.stepfunctions.delete_state_machine, stateMachineArn=arn)
        mine.iam.put_role_policy(RoleName=name, PolicyName="machine", PolicyDocument=_NOTHING)
        cleanup(mine.iam.delete_role_policy, RoleName=name, PolicyName="machine")
        return Machine(arn, role_arn, mine, eventually)

    return create


_NOTHING = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "sts:GetFederationToken", "Resource": "*"}]}
)
