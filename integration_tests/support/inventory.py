"""What an account has in one Region, by name: to see that a deployment which is gone has left nothing behind."""

from collections.abc import Iterable

import jmespath

from integration_tests.support.addressing import Clients

# Service, operation, and where its answer has the names. No account of a test has more than a page.
LISTS = (
    ("athena", "list_work_groups", "WorkGroups[].Name"),
    ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    ("dynamodb", "list_tables", "TableNames"),
    ("ec2", "describe_security_groups", "SecurityGroups[].GroupId"),
    ("ec2", "describe_subnets", "Subnets[].SubnetId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints[].VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs[].VpcId"),
    ("firehose", "list_delivery_streams", "DeliveryStreamNames"),
    ("glue", "get_databases", "DatabaseList[].Name"),
    ("iam", "list_policies", "Policies[].PolicyName"),
    ("iam", "list_roles", "Roles[].RoleName"),
    ("kinesis", "list_streams", "StreamNames"),
    ("kms", "list_aliases", "Aliases[].AliasName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings[].UUID"),
    ("lambda", "list_functions", "Functions[].FunctionName"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("s3", "list_buckets", "Buckets[].Name"),
    ("stepfunctions", "list_state_machines", "stateMachines[].name"),
)


def held(clients: Clients) -> set[str]:
    """Everything that there is, as `<service> <name>`."""
    listed = {
        f"{service} {name}"
        for service, operation, path in LISTS
        for name in jmespath.search(path, getattr(clients.client(service), operation)()) or ()
    }
    return {*listed, *(f"kms {key}" for key in _usable_keys(clients))}


def _usable_keys(clients: Clients) -> Iterable[str]:
    """A key is never gone at once."""
    for key in clients.kms.list_keys()["Keys"]:
        if clients.kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] != "PendingDeletion":
            yield key["KeyId"]
