"""Networks, catalogue, queries, state machines, caches, domains, rules, parameters and items."""

from collections.abc import Callable

import pytest

from integration_tests.plugin.conftest import Deployed
from integration_tests.plugin.programs import networks

pytestmark = pytest.mark.local

NETWORK = ("vpc", "subnet", "routes", "association", "group", "cache-group", "ingress", "s3")
SERVICES = (
    "role", "database", "table", "workgroup", "query", "machine", "redis", "domain", "iot", "parameter", "items",
    "item",
)  # fmt: skip


def test_a_network(stack: Callable[..., Deployed]) -> None:
    deployed = stack()
    ec2 = deployed.clients.ec2
    before = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]}

    assert deployed.up(networks.network) == dict.fromkeys(NETWORK, "create")
    group = deployed.resources["group"]["id"]
    [permission] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert (permission["FromPort"], permission["ToPort"]) == (443, 443)
    assert deployed.refresh() == {}

    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission])
    assert deployed.refresh() == {"group": "update"}

    assert deployed.up(networks.network, version=2) == {"vpc": "update", "group": "update"}
    [permission] = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert (permission["FromPort"], permission["ToPort"]) == (443, 444)

    assert deployed.destroy() == dict.fromkeys(NETWORK, "delete")
    assert {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"]} == before


def test_services(stack: Callable[..., Deployed]) -> None:
    deployed = stack()
    dynamodb, ssm = deployed.clients.dynamodb, deployed.clients.ssm

    assert deployed.up(networks.services) == dict.fromkeys(SERVICES, "create")
    assert dynamodb.scan(TableName="items")["Items"] == [{"id": {"S": "1"}, "version": {"N": "1"}}]
    assert deployed.up(networks.services) == {}
    assert deployed.refresh() == {}

    ssm.put_parameter(Name="/story/value", Value="by hand", Type="String", Overwrite=True)
    assert deployed.refresh() == {"parameter": "update"}

    changed = {"database", "table", "workgroup", "machine", "redis", "domain", "iot", "parameter", "item"}
    assert deployed.up(networks.services, version=2) == dict.fromkeys(changed, "update")
    assert ssm.get_parameter(Name="/story/value")["Parameter"]["Value"] == "version 2"
    assert dynamodb.scan(TableName="items")["Items"] == [{"id": {"S": "1"}, "version": {"N": "2"}}]
    assert deployed.refresh() == {}

    assert deployed.destroy() == dict.fromkeys(SERVICES, "delete")
    assert dynamodb.list_tables()["TableNames"] == []
