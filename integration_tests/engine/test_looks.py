"""What an interrupted deployment made is found by what it was to be made with, under the id by which it is imported."""

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from integration_tests.support.addressing import statement
from operations.looks import looked_up

pytestmark = pytest.mark.local

REGION = "us-east-1"


@pytest.fixture
def found(account, clients):
    """`found("aws:ec2/vpc:Vpc", cidrBlock=…)`: the id of what was made of these inputs in this test's account."""
    mine = account()
    reached = SimpleNamespace(client=lambda service: getattr(clients(mine), service), region=REGION)
    reached.identity = {"Account": mine}

    def look(kind: str, **inputs: Any) -> str | None:
        return looked_up(reached, {"type": kind, "inputs": inputs})

    look.clients, look.account_id = clients(mine), mine
    return look


def test_a_network_and_what_is_in_it(found) -> None:
    ec2 = found.clients.ec2
    vpc = {"cidrBlock": "10.7.0.0/24"}
    assert found("aws:ec2/vpc:Vpc", **vpc) is None
    network = ec2.create_vpc(CidrBlock="10.7.0.0/24")["Vpc"]["VpcId"]
    assert found("aws:ec2/vpc:Vpc", **vpc) == network
    inside = {"vpcId": network}
    group = {**inside, "name": "functions"}
    endpoint = {**inside, "serviceName": f"com.amazonaws.{REGION}.kinesis-streams"}
    subnet = {**inside, "cidrBlock": "10.7.0.0/26"}
    for kind, inputs in (
        ("aws:ec2/subnet:Subnet", subnet),
        ("aws:ec2/routeTable:RouteTable", inside),
        ("aws:ec2/securityGroup:SecurityGroup", group),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", endpoint),
    ):
        assert found(kind, **inputs) is None, kind
    subnet_id = ec2.create_subnet(VpcId=network, CidrBlock="10.7.0.0/26")["Subnet"]["SubnetId"]
    # One with a subnet is somebody's: it was noted, or is not ours.
    assert found("aws:ec2/vpc:Vpc", **vpc) is None
    table = ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    association = {"routeTableId": table, "subnetId": subnet_id}
    assert found("aws:ec2/routeTableAssociation:RouteTableAssociation", **association) is None
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet_id)
    functions, endpoints = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=network)["GroupId"]
        for name in ("functions", "endpoints")
    )
    rule = {"securityGroupId": functions, "referencedSecurityGroupId": endpoints}
    assert found("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", **rule) is None
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": endpoints}]}
    [made] = ec2.authorize_security_group_egress(GroupId=functions, IpPermissions=[https])["SecurityGroupRules"]
    reached = ec2.create_vpc_endpoint(
        VpcId=network, ServiceName=endpoint["serviceName"], VpcEndpointType="Interface", SubnetIds=[subnet_id]
    )["VpcEndpoint"]["VpcEndpointId"]
    assert found("aws:ec2/subnet:Subnet", **subnet) == subnet_id
    assert found("aws:ec2/routeTable:RouteTable", **inside) == table
    assert found("aws:ec2/routeTableAssociation:RouteTableAssociation", **association) == f"{subnet_id}/{table}"
    assert found("aws:ec2/securityGroup:SecurityGroup", **group) == functions
    assert found("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", **rule) == made["SecurityGroupRuleId"]
    assert found("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", **rule) is None
    assert found("aws:ec2/vpcEndpoint:VpcEndpoint", **endpoint) == reached


def test_what_would_be_there_twice_or_is_refused_a_second_time(found, role, stream, table) -> None:
    mine, clients = found.account_id, found.clients
    role_arn = role(mine, [statement("glue:*")], trusts={"Service": "states.amazonaws.com"})
    name = role_arn.rpartition("/")[2]
    stream_arn, made = stream(mine), table(mine)["TableName"]
    place = f"arn:aws:states:{REGION}:{mine}:stateMachine:backfill"
    wanted: Mapping[tuple[str, str], dict[str, str]] = {
        ("aws:iam/rolePolicy:RolePolicy", f"{name}:ours-3f2a"): {"role": name, "name": "ours-3f2a"},
        ("aws:glue/catalogDatabase:CatalogDatabase", f"{mine}:lake"): {"name": "lake"},
        ("aws:glue/catalogTable:CatalogTable", f"{mine}:lake:changes"): {"databaseName": "lake", "name": "changes"},
        ("aws:sfn/stateMachine:StateMachine", place): {"name": "backfill"},
        (
            "aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination",
            f"{made},{stream_arn}",
        ): {"tableName": made, "streamArn": stream_arn},
    }
    assert [found(kind, **inputs) for (kind, _), inputs in wanted.items()] == [None] * len(wanted)
    allowing = json.dumps({"Version": "2012-10-17", "Statement": [statement("s3:ListBucket")]})
    clients.iam.put_role_policy(RoleName=name, PolicyName="ours-3f2a", PolicyDocument=allowing)
    clients.glue.create_database(DatabaseInput={"Name": "lake"})
    clients.glue.create_table(DatabaseName="lake", TableInput={"Name": "changes"})
    passing = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    clients.stepfunctions.create_state_machine(name="backfill", definition=passing, roleArn=role_arn)
    clients.dynamodb.enable_kinesis_streaming_destination(TableName=made, StreamArn=stream_arn)
    assert [found(kind, **inputs) for (kind, _), inputs in wanted.items()] == [made for _, made in wanted]
    clients.iam.delete_role_policy(RoleName=name, PolicyName="ours-3f2a")
