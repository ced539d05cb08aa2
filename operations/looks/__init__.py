"""Finds in an account what was to be made with certain inputs: the id of a resource that nobody noted."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from components.regions import partition_of
from operations.access import Account

Inputs = Mapping[str, Any]
# The id of a resource that was to be made with these inputs, as `pulumi import` takes it; an error or None: not there.
Look = Callable[[Account, Inputs], str | None]

# How services say that something is not there.
MISSING = ("NotFound", "NoSuch", "404", "DoesNotExist", "InvalidRequestException", "EntityNotFound")


def looked_up(account: Account, resource: Mapping[str, Any]) -> str | None:
    """The id of a resource that was to be made; None when it is not there, or making it again changes nothing."""
    look = LOOKS.get(resource["type"])
    try:
        return look(account, resource.get("inputs", {})) if look else None
    except ClientError as error:
        if any(word in error.response["Error"]["Code"] for word in MISSING):
            return None
        raise


def _by(service: str, operation: str, setting: str = "name", *path: str, **parameters: str) -> Look:
    """A look by one call: `parameters` are its parameters by the inputs' names; the id is at `path` of the answer.

    Without a path the id is the input `setting`.
    """

    def look(account: Account, inputs: Inputs) -> str | None:
        request = {parameter: inputs[name] for parameter, name in parameters.items()}
        answer: Any = getattr(account.client(service), operation)(**request)
        for step in path:
            answer = answer[step]
        return str(answer if path else inputs[setting])

    return look


def _first(found: Iterable[str]) -> str | None:
    return next(iter(found), None)


def _log_group(account: Account, inputs: Inputs) -> str | None:
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix=inputs["name"])["logGroups"]
    return _first(group["logGroupName"] for group in groups if group["logGroupName"] == inputs["name"])


def _log_stream(account: Account, inputs: Inputs) -> str | None:
    group, name = inputs["logGroupName"], inputs["name"]
    streams = account.client("logs").describe_log_streams(logGroupName=group, logStreamNamePrefix=name)["logStreams"]
    return _first(f"{group}:{name}" for stream in streams if stream["logStreamName"] == name)


def _alias(account: Account, inputs: Inputs) -> str | None:
    pages = account.client("kms").get_paginator("list_aliases").paginate()
    aliases = (alias["AliasName"] for page in pages for alias in page["Aliases"])
    return _first(alias for alias in aliases if alias == inputs["name"])


def _mapping(account: Account, inputs: Inputs) -> str | None:
    found = account.client("lambda").list_event_source_mappings(
        FunctionName=inputs["functionName"], EventSourceArn=inputs["eventSourceArn"]
    )
    return _first(mapping["UUID"] for mapping in found["EventSourceMappings"])


def _key(account: Account, inputs: Inputs) -> str | None:
    """A key has no name: one of this description that no alias was given yet."""
    kms = account.client("kms")
    aliases = kms.get_paginator("list_aliases").paginate()
    named = {alias.get("TargetKeyId") for page in aliases for alias in page["Aliases"]}
    pages = kms.get_paginator("list_keys").paginate()
    unnamed = (key["KeyId"] for page in pages for key in page["Keys"] if key["KeyId"] not in named)
    for key in unnamed:
        found = kms.describe_key(KeyId=key)["KeyMetadata"]
        if found["KeyState"] == "Enabled" and found.get("Description") == inputs.get("description"):
            return str(key)
    return None


def _database(account: Account, inputs: Inputs) -> str | None:
    account.client("glue").get_database(Name=inputs["name"])
    return f"{account.identity['Account']}:{inputs['name']}"


def _role_policy(account: Account, inputs: Inputs) -> str | None:
    """Its name may have a random end, with which it would be there twice."""
    account.client("iam").get_role_policy(RoleName=inputs["role"], PolicyName=inputs["name"])
    return f"{inputs['role']}:{inputs['name']}"


def _catalog_table(account: Account, inputs: Inputs) -> str | None:
    database, name = inputs["databaseName"], inputs["name"]
    account.client("glue").get_table(DatabaseName=database, Name=name)
    return f"{account.identity['Account']}:{database}:{name}"


def _state_machine(account: Account, inputs: Inputs) -> str | None:
    place = f"arn:{partition_of(account.region)}:states:{account.region}:{account.identity['Account']}"
    arn = f"{place}:stateMachine:{inputs['name']}"
    return str(account.client("stepfunctions").describe_state_machine(stateMachineArn=arn)["stateMachineArn"])


def _streaming_destination(account: Account, inputs: Inputs) -> str | None:
    table, stream = inputs["tableName"], inputs["streamArn"]
    found = account.client("dynamodb").describe_kinesis_streaming_destination(TableName=table)
    return _first(
        f"{table},{stream}"
        for one in found.get("KinesisDataStreamDestinations", [])
        if one["StreamArn"] == stream and one["DestinationStatus"] in ("ACTIVE", "ENABLING", "UPDATING")
    )


def _listed(account: Account, operation: str, key: str, **filters: str) -> Iterator[Any]:
    """What EC2 lists that all of these filters let through; `_` in a filter's name stands for `-`."""
    wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
    for page in account.client("ec2").get_paginator(operation).paginate(Filters=wanted):
        yield from page[key]


def _vpc(account: Account, inputs: Inputs) -> str | None:
    """A network has no name: one of this block that has no subnets yet."""
    used = {subnet["VpcId"] for subnet in _listed(account, "describe_subnets", "Subnets")}
    vpcs = _listed(account, "describe_vpcs", "Vpcs", cidr=inputs["cidrBlock"])
    return _first(vpc["VpcId"] for vpc in vpcs if vpc["VpcId"] not in used)


def _subnet(account: Account, inputs: Inputs) -> str | None:
    place = {"vpc_id": inputs["vpcId"], "cidr_block": inputs["cidrBlock"]}
    return _first(subnet["SubnetId"] for subnet in _listed(account, "describe_subnets", "Subnets", **place))


def _route_table(account: Account, inputs: Inputs) -> str | None:
    """Beside the main one, which comes with the network."""
    tables = _listed(account, "describe_route_tables", "RouteTables", vpc_id=inputs["vpcId"])
    return _first(
        table["RouteTableId"] for table in tables if not any(one.get("Main") for one in table.get("Associations", []))
    )


def _association(account: Account, inputs: Inputs) -> str | None:
    table, subnet = inputs["routeTableId"], inputs["subnetId"]
    tables = _listed(account, "describe_route_tables", "RouteTables", route_table_id=table)
    associations = (one for table in tables for one in table.get("Associations", []))
    return _first(f"{subnet}/{table}" for one in associations if one.get("SubnetId") == subnet)


def _security_group(account: Account, inputs: Inputs) -> str | None:
    place = {"vpc_id": inputs["vpcId"], "group_name": inputs["name"]}
    groups = _listed(account, "describe_security_groups", "SecurityGroups", **place)
    return _first(group["GroupId"] for group in groups)


def _security_group_rule(egress: bool) -> Look:
    def look(account: Account, inputs: Inputs) -> str | None:
        group = inputs["securityGroupId"]
        rules = _listed(account, "describe_security_group_rules", "SecurityGroupRules", group_id=group)
        return _first(
            rule["SecurityGroupRuleId"]
            for rule in rules
            if rule["IsEgress"] is egress
            and rule.get("ReferencedGroupInfo", {}).get("GroupId") == inputs.get("referencedSecurityGroupId")
            and rule.get("CidrIpv4") == inputs.get("cidrIpv4")
        )

    return look


def _vpc_endpoint(account: Account, inputs: Inputs) -> str | None:
    place = {"vpc_id": inputs["vpcId"], "service_name": inputs["serviceName"]}
    endpoints = _listed(account, "describe_vpc_endpoints", "VpcEndpoints", **place)
    return _first(one["VpcEndpointId"] for one in endpoints if one["State"].lower() not in ("deleting", "deleted"))


# What refuses to be made twice, or would be there twice. All else is put: making it again changes nothing.
LOOKS: Mapping[str, Look] = {
    "aws:athena/workgroup:Workgroup": _by("athena", "get_work_group", WorkGroup="name"),
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:cloudwatch/logStream:LogStream": _log_stream,
    "aws:dynamodb/table:Table": _by("dynamodb", "describe_table", TableName="name"),
    "aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination": _streaming_destination,
    "aws:ec2/routeTable:RouteTable": _route_table,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _association,
    "aws:ec2/securityGroup:SecurityGroup": _security_group,
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:ec2/vpc:Vpc": _vpc,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _vpc_endpoint,
    "aws:glue/catalogDatabase:CatalogDatabase": _database,
    "aws:glue/catalogTable:CatalogTable": _catalog_table,
    "aws:glue/crawler:Crawler": _by("glue", "get_crawler", Name="name"),
    "aws:iam/role:Role": _by("iam", "get_role", RoleName="name"),
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": _by(
        "firehose",
        "describe_delivery_stream",
        "name",
        "DeliveryStreamDescription",
        "DeliveryStreamARN",
        DeliveryStreamName="name",
    ),
    "aws:kinesis/stream:Stream": _by("kinesis", "describe_stream_summary", StreamName="name"),
    "aws:kinesis/streamConsumer:StreamConsumer": _by(
        "kinesis",
        "describe_stream_consumer",
        "name",
        "ConsumerDescription",
        "ConsumerARN",
        StreamARN="streamArn",
        ConsumerName="name",
    ),
    "aws:kms/alias:Alias": _alias,
    "aws:kms/key:Key": _key,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _mapping,
    "aws:lambda/function:Function": _by("lambda", "get_function", FunctionName="name"),
    "aws:s3/bucket:Bucket": _by("s3", "head_bucket", "bucket", Bucket="bucket"),
    "aws:sfn/stateMachine:StateMachine": _state_machine,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _security_group_rule(egress=True),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _security_group_rule(egress=False),
}
