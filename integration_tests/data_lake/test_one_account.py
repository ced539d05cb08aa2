"""A table and its lake in one account: deployed as committed, closed to the internet, and taken down whole."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from integration_tests.data_lake.lake import ONE_ACCOUNT, Lake, deployed_lake, designations
from integration_tests.support.addressing import Cloud

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]
STATES = [("Adam", "Architect"), ("Adam", "Senior Architect")]


@pytest.fixture(scope="module")
def lake(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with ExitStack() as cleanup:
        yield deployed_lake(cloud, tmp_path_factory.mktemp("lake"), cleanup, ONE_ACCOUNT)


def test_both_states_of_the_item_are_in_the_lake(lake: Lake, eventually: Eventually) -> None:
    for name, designation in STATES:
        lake.put({"id": {"S": "864732"}, "name": {"S": name}, "Designation": {"S": designation}})

    eventually(lambda: designations(lake.rows()), equals=STATES, timeout=60)


def test_a_second_up_changes_nothing_and_a_refresh_finds_no_drift(lake: Lake) -> None:
    for command in ("up", "refresh"):
        lake.engine.run([command, "--yes", "--skip-preview", "--expect-no-changes", "--stack", "lake"])


def test_the_function_reaches_its_stream_by_one_endpoint_and_nothing_else(lake: Lake) -> None:
    ec2, function = lake.producer.ec2, lake.producer.lambda_.get_function(FunctionName=lake.way["transformName"])
    network = function["Configuration"]["VpcConfig"]
    subnets = ec2.describe_subnets(SubnetIds=network["SubnetIds"])["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    [vpc_id] = {subnet["VpcId"] for subnet in subnets}
    of_vpc = [{"Name": "vpc-id", "Values": [vpc_id]}]

    tables = ec2.describe_route_tables(
        Filters=[{"Name": "association.subnet-id", "Values": network["SubnetIds"]}, *of_vpc]
    )["RouteTables"]
    associated = {one.get("SubnetId") for table in tables for one in table["Associations"]}
    assert associated >= set(network["SubnetIds"])
    assert {route["GatewayId"] for table in tables for route in table["Routes"]} == {"local"}
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc_id]}]
    assert ec2.describe_internet_gateways(Filters=attached)["InternetGateways"] == []
    assert ec2.describe_nat_gateways(Filters=of_vpc)["NatGateways"] == []

    [endpoint] = ec2.describe_vpc_endpoints(Filters=of_vpc)["VpcEndpoints"]
    assert endpoint["ServiceName"] == "com.amazonaws.us-east-1.kinesis-streams"
    assert endpoint["PrivateDnsEnabled"]
    [allowed] = json.loads(endpoint["PolicyDocument"])["Statement"]
    assert (allowed["Action"], allowed["Resource"]) == (["kinesis:PutRecords"], lake.way["streamArn"])
    assert allowed["Condition"]["ArnEquals"]["aws:PrincipalArn"] == function["Configuration"]["Role"]

    [group_id] = network["SecurityGroupIds"]
    [group] = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    assert group["IpPermissions"] == []
    [out] = group["IpPermissionsEgress"]
    assert (out["IpProtocol"], out["FromPort"], out["ToPort"]) == ("tcp", 443, 443)
    assert out.get("IpRanges", []) == out.get("Ipv6Ranges", []) == out.get("PrefixListIds", []) == []
    assert {pair["GroupId"] for pair in out["UserIdGroupPairs"]} == {one["GroupId"] for one in endpoint["Groups"]}


def test_one_key_encrypts_everything_on_the_way(lake: Lake) -> None:
    key, way, clients = lake.store["keyArn"], lake.way, lake.producer
    function = clients.lambda_.get_function_configuration(FunctionName=way["transformName"])
    table = clients.dynamodb.describe_table(TableName=way["tableName"])["Table"]
    stream = clients.kinesis.describe_stream_summary(StreamName=way["streamName"])["StreamDescriptionSummary"]
    delivery = clients.firehose.describe_delivery_stream(DeliveryStreamName=way["deliveryStreamName"])
    destination = delivery["DeliveryStreamDescription"]["Destinations"][0]["ExtendedS3DestinationDescription"]
    groups = clients.logs.describe_log_groups()["logGroups"]

    assert function["KMSKeyArn"] == key
    assert table["SSEDescription"]["KMSMasterKeyArn"] == key
    assert stream["KeyId"] == key
    assert destination["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"] == key
    assert {group["logGroupName"]: group.get("kmsKeyId") for group in groups} == {
        way["errorLogGroup"]: key,
        f"/aws/lambda/{way['transformName']}": key,
    }
    assert clients.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
