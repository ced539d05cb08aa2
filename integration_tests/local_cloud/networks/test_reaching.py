"""A function in a network reaches what has an endpoint there that lets it, and nothing else.

https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
"""

import json

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import statement

pytestmark = [pytest.mark.local, pytest.mark.aws]

# Says what became of a call, and does not wait for long.
CODE = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError, ConnectTimeoutError

QUICK = Config(read_timeout=2, connect_timeout=2, retries={"total_max_attempts": 1})

def handler(event, context):
    try:
        boto3.client("kinesis", config=QUICK).put_records(
            StreamName=event["stream"], Records=[{"Data": b"x", "PartitionKey": "x"}]
        )
    except (ReadTimeoutError, ConnectTimeoutError):
        return "nothing"
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "there"
"""
SEND_BATCH = """
import boto3

def handler(event, context):
    answer = boto3.client("sqs").send_message_batch(
        QueueUrl=event["queue"], Entries=[{"Id": "0", "MessageBody": "x"}]
    )
    return [one["Id"] for one in answer["Successful"]]
"""
JOINS = statement(["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface"])


class Network:
    """A VPC with a subnet and two groups, of functions and of endpoints, which let nothing through."""

    def __init__(self, clients, cleanup, region):
        self.clients, self.cleanup, self.region = clients, cleanup, region
        ec2 = clients.ec2
        self.vpc = ec2.create_vpc(CidrBlock="10.1.0.0/24")["Vpc"]["VpcId"]
        cleanup(ec2.delete_vpc, VpcId=self.vpc)
        for attribute in ("EnableDnsSupport", "EnableDnsHostnames"):
            ec2.modify_vpc_attribute(VpcId=self.vpc, **{attribute: {"Value": True}})
        self.subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.1.0.0/26")["Subnet"]["SubnetId"]
        cleanup(ec2.delete_subnet, SubnetId=self.subnet)
        self.functions, self.endpoints = self._group("functions"), self._group("endpoints")

    def _group(self, name):
        ec2 = self.clients.ec2
        group = ec2.create_security_group(VpcId=self.vpc, GroupName=name, Description=name)["GroupId"]
        self.cleanup(ec2.delete_security_group, GroupId=group)
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
        return group

    def let_through(self):
        ec2, https = self.clients.ec2, {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
        out, inward = ({**https, "UserIdGroupPairs": [{"GroupId": one}]} for one in (self.endpoints, self.functions))
        ec2.authorize_security_group_egress(GroupId=self.functions, IpPermissions=[out])
        ec2.authorize_security_group_ingress(GroupId=self.endpoints, IpPermissions=[inward])

    def endpoint(self, policy, service="kinesis-streams"):
        ec2 = self.clients.ec2
        made = ec2.create_vpc_endpoint(
            VpcId=self.vpc,
            VpcEndpointType="Interface",
            ServiceName=f"com.amazonaws.{self.region}.{service}",
            SubnetIds=[self.subnet],
            SecurityGroupIds=[self.endpoints],
            PrivateDnsEnabled=True,
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [policy]}),
        )["VpcEndpoint"]["VpcEndpointId"]
        self.cleanup(ec2.delete_vpc_endpoints, VpcEndpointIds=[made])
        return ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["VpcEndpoints"]

    @property
    def config(self):
        return {"SubnetIds": [self.subnet], "SecurityGroupIds": [self.functions]}


@pytest.fixture
def network(account, clients, cleanup, cloud):
    return Network(clients(account()), cleanup, cloud.region)


def test_a_function_reaches_what_its_endpoint_allows_through_open_groups(network, make):
    account_id = network.clients.account_id
    mine, other = (make.stream(account_id) for _ in range(2))
    logs = statement(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"])
    role_arn = make.role(account_id, [statement("kinesis:*"), JOINS, logs])
    function = make.function(account_id, CODE, role_arn=role_arn, VpcConfig=network.config)

    def put(arn):
        return function.invoke({"stream": arn.rpartition("/")[2]})["Payload"]

    assert put(mine) == "nothing"
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "kinesis:PutRecords", "Resource": mine}
    [endpoint] = network.endpoint(allowed)
    assert endpoint["PrivateDnsEnabled"]
    assert [group["GroupId"] for group in endpoint["Groups"]] == [network.endpoints]
    assert json.loads(endpoint["PolicyDocument"])["Statement"] == [allowed]

    assert put(mine) == "nothing"
    network.let_through()
    assert put(mine) == "there"
    assert put(other) == "AccessDeniedException"


def test_an_endpoint_that_allows_one_message_allows_several_in_a_call(network, make):
    """No other action is there: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html."""
    account_id = network.clients.account_id
    url, arn = make.queue(account_id)
    logs = statement(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"])
    role_arn = make.role(account_id, [statement("sqs:SendMessage", arn), JOINS, logs])
    function = make.function(account_id, SEND_BATCH, role_arn=role_arn, VpcConfig=network.config)
    network.endpoint({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}, "sqs")
    network.let_through()
    assert function.invoke({"queue": url})["Payload"] == ["0"]


def test_a_role_that_may_not_make_interfaces_brings_no_function_into_a_network(network, make, unique):
    account_id = network.clients.account_id
    role_arn = make.role(account_id, [statement("kinesis:*")])
    function = make.function(account_id, CODE, role_arn=role_arn)
    change = network.clients.lambda_.update_function_configuration

    with pytest.raises(ClientError, match="CreateNetworkInterface on EC2"):
        change(FunctionName=function.name, VpcConfig=network.config)
    with pytest.raises(ClientError, match="does not exist"):
        change(FunctionName=function.name, VpcConfig={**network.config, "SubnetIds": ["subnet-0123456789abcdef0"]})
