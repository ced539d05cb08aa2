"""Functions with what they need: role, policy, layer, log group, mapping and permission; and their secrets."""

import json
from collections.abc import Callable

import pytest

from integration_tests.plugin.conftest import Deployed
from integration_tests.plugin.programs import functions
from integration_tests.plugin.programs.policies import trust

pytestmark = pytest.mark.local

EVERYTHING = (
    "role",
    "policy",
    "managed",
    "attachment",
    "layer",
    "logs",
    "function",
    "permission",
    "stream",
    "dead",
    "mapping",
)


def test_a_whole_life(stack: Callable[..., Deployed]) -> None:
    deployed = stack()
    lambda_, iam = deployed.clients.lambda_, deployed.clients.iam

    assert deployed.up(functions.program) == dict.fromkeys(EVERYTHING, "create")
    assert json.loads(lambda_.invoke(FunctionName="copier", Payload=b"{}")["Payload"].read()) == 1
    assert deployed.up(functions.program) == {}
    assert deployed.refresh() == {}

    lambda_.update_function_configuration(FunctionName="copier", Timeout=5)
    [role] = [item["RoleName"] for item in iam.list_roles()["Roles"] if item["RoleName"].startswith("role-")]
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust("ec2.amazonaws.com"))
    [mapping] = lambda_.list_event_source_mappings(FunctionName="copier")["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], BatchSize=50)
    assert deployed.refresh() == {"function": "update", "role": "update", "mapping": "update"}
    assert deployed.resources["function"]["inputs"]["timeout"] == 5

    changed = {"role", "policy", "managed", "logs", "function", "mapping"}
    assert deployed.up(functions.program, version=2) == dict.fromkeys(changed, "update")
    assert json.loads(lambda_.invoke(FunctionName="copier", Payload=b"{}")["Payload"].read()) == 2
    live = lambda_.get_function(FunctionName="copier")
    assert (live["Configuration"]["Timeout"], live["Configuration"]["MemorySize"]) == (60, 256)
    assert live["Concurrency"] == {"ReservedConcurrentExecutions": 5}
    assert live["Configuration"]["Environment"]["Variables"] == {"TOKEN": functions.SECRET, "MODE": "fast"}
    [mapping] = lambda_.list_event_source_mappings(FunctionName="copier")["EventSourceMappings"]
    assert mapping["BatchSize"] == 200
    assert mapping["FilterCriteria"]["Filters"] == [{"Pattern": json.dumps({"data": {"kind": ["order"]}})}]
    assert deployed.refresh() == {}

    assert deployed.destroy() == dict.fromkeys(EVERYTHING, "delete")
    assert lambda_.list_functions()["Functions"] == []
    assert [item for item in iam.list_roles()["Roles"] if item["RoleName"] == role] == []


def test_a_secret_is_nowhere_in_the_state(stack: Callable[..., Deployed]) -> None:
    deployed = stack()

    deployed.up(functions.program)

    assert functions.SECRET not in deployed.checkpoint
    assert deployed.outputs["variables"] == {"TOKEN": functions.SECRET, "MODE": "fast"}
    deployed.refresh()
    assert functions.SECRET not in deployed.checkpoint
    assert deployed.up(functions.program, secret="another secret of ours") == {"function": "update"}
    assert "another secret of ours" not in deployed.checkpoint
