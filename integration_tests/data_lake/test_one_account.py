"""A table and its lake in one account: deployed as committed, closed to the internet, and taken down whole."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import yaml

from integration_tests.data_lake.lake import INSTANCE, ONE_ACCOUNT, QUICK, Lake, deployed_lake, designations
from integration_tests.support.addressing import Cloud
from operations import deploying
from operations.errors import EngineError, StackError

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]
PROTECTED = {**QUICK, "deletionProtection": True}
STATES = [("Adam", "Architect"), ("Adam", "Senior Architect")]


@pytest.fixture(scope="module")
def lake(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake that is protected, as it is unless the stack file says otherwise, until all of its stories are told."""
    with ExitStack() as cleanup:
        deployed = deployed_lake(cloud, tmp_path_factory.mktemp("lake"), cleanup, ONE_ACCOUNT, PROTECTED)
        cleanup.callback(unprotect, deployed)
        yield deployed


def unprotect(lake: Lake) -> None:
    file = lake.engine.folder / "Pulumi.lake.yaml"
    content = yaml.safe_load(file.read_text())
    content["config"]["tributary:architectures"][INSTANCE]["deletionProtection"] = False
    file.write_text(yaml.safe_dump(content))
    lake.engine.up("lake")


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


def test_another_format_is_refused_while_objects_of_the_first_one_are_in_the_folder(lake: Lake) -> None:
    file, before = lake.engine.folder / "Pulumi.lake.yaml", parts(lake)
    as_it_was = file.read_text()
    content = yaml.safe_load(as_it_was)
    content["config"]["tributary:architectures"][INSTANCE]["layout"]["format"] = "parquet"
    content["config"]["tributary:architectures"][INSTANCE]["delivery"] = {"bufferMb": 64}
    file.write_text(yaml.safe_dump(content))
    try:
        with pytest.raises(StackError) as refused:
            deploying.up(lake.engine, ["lake"], yes=True)
    finally:
        file.write_text(as_it_was)
    bucket = lake.store["bucketName"]
    assert f"`lake.layout.format` is 'parquet', but `changes/` of the bucket {bucket} has objects of 'json'" in str(
        refused.value
    )
    assert f"Type `aws s3 mv --recursive s3://{bucket}/changes/ s3://{bucket}/changes-json/`" in str(refused.value)
    assert parts(lake) == before


def test_while_it_is_protected_nothing_of_it_is_taken_apart(lake: Lake) -> None:
    before = parts(lake)
    with pytest.raises(StackError, match=r"holds protected data: .* Nothing was destroyed") as refused:
        deploying.destroy(lake.engine, ["lake"], yes=True)
    for name in (lake.store["keyArn"], lake.store["bucketName"], lake.way["tableName"], lake.way["streamName"]):
        assert name in str(refused.value)
    assert parts(lake) == before


def test_pulumi_by_itself_takes_neither_data_nor_its_way_apart(lake: Lake, eventually: Eventually) -> None:
    before = parts(lake)
    with pytest.raises(EngineError, match="it is protected"):
        lake.engine.run(["destroy", "--yes", "--stack", "lake"])
    assert parts(lake) == before
    # Without a preview Pulumi begins, and ends where the first protected part is.
    with pytest.raises(EngineError, match="it is protected"):
        lake.engine.run(["destroy", "--yes", "--skip-preview", "--stack", "lake"])
    around = ("alarms", "tables")
    assert {part: one for part, one in parts(lake).items() if part not in around} == {
        part: one for part, one in before.items() if part not in around
    }
    lake.put({"id": {"S": "meanwhile"}, "name": {"S": "Eve"}, "Designation": {"S": "Pilot"}})
    eventually(lambda: designations(lake.rows(), "meanwhile"), equals=[("Eve", "Pilot")], timeout=60)
    deploying.up(lake.engine, ["lake"], yes=True)
    assert {**parts(lake), "objects": before["objects"]} == before


def parts(lake: Lake) -> dict[str, Any]:
    """What there is of the lake in its account, and the state of its key."""
    clients, way = lake.producer, lake.way
    endpoints = clients.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    return {
        "key": clients.kms.describe_key(KeyId=lake.store["keyArn"])["KeyMetadata"]["KeyState"],
        "aliases": sorted(alias["AliasName"] for alias in clients.kms.list_aliases()["Aliases"]),
        "buckets": sorted(bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]),
        "objects": lake.object_keys(),
        "policy": clients.s3.get_bucket_policy(Bucket=lake.store["bucketName"])["Policy"],
        "table": clients.dynamodb.describe_table(TableName=way["tableName"])["Table"]["TableStatus"],
        "destinations": clients.dynamodb.describe_kinesis_streaming_destination(TableName=way["tableName"])[
            "KinesisDataStreamDestinations"
        ],
        "streams": clients.kinesis.list_streams()["StreamNames"],
        "delivery streams": clients.firehose.list_delivery_streams()["DeliveryStreamNames"],
        "functions": sorted(one["FunctionName"] for one in clients.lambda_.list_functions()["Functions"]),
        "roles": sorted(role["RoleName"] for role in clients.iam.list_roles()["Roles"]),
        "endpoints": [one["VpcEndpointId"] for one in endpoints],
        "log groups": sorted(group["logGroupName"] for group in clients.logs.describe_log_groups()["logGroups"]),
        "tables": sorted(
            one["Name"] for one in clients.glue.get_tables(DatabaseName=lake.store["queryDatabase"])["TableList"]
        ),
        "alarms": len(clients.cloudwatch.describe_alarms()["MetricAlarms"]),
    }
