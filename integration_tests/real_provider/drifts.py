"""Changes behind a deployment's back, one for each type of resource that can be changed alone; and what is left."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from integration_tests.real_provider.declared import MADE_UP, State, address
from integration_tests.support.addressing import Clients
from localcloud.accounts import DEPLOYER_ROLE


def _table(clients: Clients, outputs: Mapping[str, Any]) -> None:
    off = {"PointInTimeRecoveryEnabled": False}
    clients.dynamodb.update_continuous_backups(TableName=outputs["name"], PointInTimeRecoverySpecification=off)


def _function(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.lambda_.update_function_configuration(FunctionName=outputs["name"], Timeout=7)


def _mapping(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.lambda_.update_event_source_mapping(UUID=outputs["uuid"], BatchSize=7)


def _key(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.kms.update_key_description(KeyId=outputs["keyId"], Description="another")


def _log_group(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.logs.put_retention_policy(logGroupName=outputs["name"], retentionInDays=1)


def _role(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.iam.update_role(RoleName=outputs["name"], MaxSessionDuration=7200)


def _versioning(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.s3.put_bucket_versioning(Bucket=outputs["bucket"], VersioningConfiguration={"Status": "Suspended"})


def _dashboard(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.cloudwatch.put_dashboard(DashboardName=outputs["dashboardName"], DashboardBody='{"widgets": []}')


def _stream(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.kinesis.increase_stream_retention_period(StreamName=outputs["name"], RetentionPeriodHours=48)


def _delivery(clients: Clients, outputs: Mapping[str, Any]) -> None:
    found = clients.firehose.describe_delivery_stream(DeliveryStreamName=outputs["name"])["DeliveryStreamDescription"]
    clients.firehose.update_destination(
        DeliveryStreamName=outputs["name"],
        CurrentDeliveryStreamVersionId=found["VersionId"],
        DestinationId=found["Destinations"][0]["DestinationId"],
        ExtendedS3DestinationUpdate={"BufferingHints": {"IntervalInSeconds": 333, "SizeInMBs": 77}},
    )


def _workgroup(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.athena.update_work_group(WorkGroup=outputs["name"], Description="another")


def _catalogue_table(clients: Clients, outputs: Mapping[str, Any]) -> None:
    where = {"DatabaseName": outputs["databaseName"], "Name": outputs["name"]}
    found = clients.glue.get_table(**where)["Table"]
    kept = ("Name", "Parameters", "PartitionKeys", "StorageDescriptor", "TableType")
    changed = {**{name: found[name] for name in kept if name in found}, "Description": "another"}
    clients.glue.update_table(DatabaseName=where["DatabaseName"], TableInput=changed)


def _network(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.ec2.modify_vpc_attribute(VpcId=outputs["id"], EnableDnsHostnames={"Value": False})


def _subnet(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.ec2.modify_subnet_attribute(SubnetId=outputs["id"], MapPublicIpOnLaunch={"Value": True})


def _rule(clients: Clients, outputs: Mapping[str, Any]) -> None:
    clients.events.put_rule(Name=outputs["name"], ScheduleExpression="rate(9 minutes)", Description="another")


def _item(clients: Clients, outputs: Mapping[str, Any]) -> None:
    item = {**json.loads(outputs["item"]), "active": {"BOOL": False}}
    clients.dynamodb.put_item(TableName=outputs["tableName"], Item=item)


def _invocations(clients: Clients, outputs: Mapping[str, Any]) -> None:
    name = outputs["functionName"]
    clients.lambda_.update_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)


# Type → what is done to a resource with these outputs.
DRIFTS: Mapping[str, Callable[[Clients, Mapping[str, Any]], None]] = {
    "aws:athena/workgroup:Workgroup": _workgroup,
    "aws:cloudwatch/dashboard:Dashboard": _dashboard,
    "aws:cloudwatch/eventRule:EventRule": _rule,
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:dynamodb/table:Table": _table,
    "aws:dynamodb/tableItem:TableItem": _item,
    "aws:ec2/subnet:Subnet": _subnet,
    "aws:ec2/vpc:Vpc": _network,
    "aws:glue/catalogTable:CatalogTable": _catalogue_table,
    "aws:iam/role:Role": _role,
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": _delivery,
    "aws:kinesis/stream:Stream": _stream,
    "aws:kms/key:Key": _key,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _mapping,
    "aws:lambda/function:Function": _function,
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": _invocations,
    "aws:s3/bucketVersioning:BucketVersioning": _versioning,
}


def drift(
    clients: Clients, resources: Sequence[State], attributes: Mapping[str, Mapping[str, Any]] | None = None
) -> set[str]:
    """Change every resource that can be; their addresses.

    `attributes` are Terraform's, by address, where Terraform made the resources.
    """
    drifted = set()
    for one in resources:
        if one["type"] in DRIFTS:
            made = (attributes or {}).get(address(one), {})
            own = {output: made[name] for output, name in MADE_UP.get(one["type"], {}).items() if name in made}
            DRIFTS[one["type"]](clients, {**one["outputs"], **own})
            drifted.add(address(one))
    return drifted


def left(clients: Clients) -> list[str]:
    """What an account still has after everything was destroyed, besides its deployer."""
    roles = [role["RoleName"] for role in clients.iam.list_roles()["Roles"]]
    keys = [key["KeyId"] for key in clients.kms.list_keys()["Keys"]]
    states = {key: clients.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys}
    return [
        *(role for role in roles if role != DEPLOYER_ROLE),
        *(key for key, state in states.items() if state != "PendingDeletion"),
        *(alias["AliasName"] for alias in clients.kms.list_aliases()["Aliases"] if "/aws/" not in alias["AliasName"]),
        *clients.dynamodb.list_tables()["TableNames"],
        *clients.kinesis.list_streams()["StreamNames"],
        *clients.firehose.list_delivery_streams()["DeliveryStreamNames"],
        *(bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"]),
        *(function["FunctionName"] for function in clients.lambda_.list_functions()["Functions"]),
        *(mapping["UUID"] for mapping in clients.lambda_.list_event_source_mappings()["EventSourceMappings"]),
        *(group["logGroupName"] for group in clients.logs.describe_log_groups()["logGroups"]),
        *(alarm["AlarmName"] for alarm in clients.cloudwatch.describe_alarms()["MetricAlarms"]),
        *(database["Name"] for database in clients.glue.get_databases()["DatabaseList"]),
        *(group["Name"] for group in clients.athena.list_work_groups()["WorkGroups"] if group["Name"] != "primary"),
        *(rule["Name"] for rule in clients.events.list_rules()["Rules"]),
        *(machine["name"] for machine in clients.stepfunctions.list_state_machines()["stateMachines"]),
        *(board["DashboardName"] for board in clients.cloudwatch.list_dashboards()["DashboardEntries"]),
        *(vpc["VpcId"] for vpc in clients.ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]),
        *(endpoint["VpcEndpointId"] for endpoint in clients.ec2.describe_vpc_endpoints()["VpcEndpoints"]),
    ]
