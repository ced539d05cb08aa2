"""CloudWatch Logs groups and streams (in `pulumi_aws` they live in `cloudwatch`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import creates, or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update


def _create_group(context: Context) -> str:
    context.call("CreateLogGroup", **context.request())
    context.id = str(context.inputs["name"])
    if context.inputs.get("retentionInDays"):
        _change_retention(context)
    return context.id


def _read_group(context: Context) -> Properties | None:
    answer = context.call("DescribeLogGroups", logGroupNamePrefix=context.id)
    group = next((item for item in answer["logGroups"] if item["logGroupName"] == context.id), None)
    if group is None:
        return None
    arn = group["arn"].removesuffix(":*")
    return {"logGroupClass": "STANDARD", **context.properties(group), "arn": arn, "name": context.id}


def _change_retention(context: Context) -> None:
    if days := context.inputs.get("retentionInDays"):
        context.call("PutRetentionPolicy", logGroupName=context.id, retentionInDays=days)
    else:
        context.call("DeleteRetentionPolicy", logGroupName=context.id)


def _change_key(context: Context) -> None:
    if key := context.inputs.get("kmsKeyId"):
        context.call("AssociateKmsKey", logGroupName=context.id, kmsKeyId=key)
    else:
        context.call("DisassociateKmsKey", logGroupName=context.id)


def _change_protection(context: Context) -> None:
    wanted = context.inputs.get("deletionProtectionEnabled", False)
    context.call("PutLogGroupDeletionProtection", logGroupIdentifier=context.id, deletionProtectionEnabled=wanted)


def _delete_group(context: Context) -> None:
    if not context.old.get("skipDestroy"):
        context.call("DeleteLogGroup", logGroupName=context.id)


def _read_stream(context: Context) -> Properties | None:
    if ":" in context.id:  # an import: GROUP:STREAM; neither name may have a colon
        group, _, context.id = context.id.partition(":")
        context.inputs = {**context.inputs, "logGroupName": group}
    group = context.inputs["logGroupName"]
    answer = or_missing(lambda: context.call("DescribeLogStreams", logGroupName=group, logStreamNamePrefix=context.id))
    streams = answer["logStreams"] if answer else []
    found = next((item for item in streams if item["logStreamName"] == context.id), None)
    return {"name": context.id, "logGroupName": group, "arn": found["arn"]} if found else None


_put_filter = creates("PutMetricFilter", identity="name")


def _read_filter(context: Context) -> Properties | None:
    if "logGroupName" not in context.inputs:  # an import: GROUP:FILTER
        group, _, context.id = context.id.rpartition(":")
        context.inputs = {"logGroupName": group}
    group = context.inputs["logGroupName"]
    found = or_missing(lambda: context.call("DescribeMetricFilters", logGroupName=group, filterNamePrefix=context.id))
    filters = found["metricFilters"] if found else []
    live = next((item for item in filters if item["filterName"] == context.id), None)
    return {"pattern": "", **context.properties(live), "logGroupName": group} if live else None


# Days. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html; 0 is for ever.
_RETENTIONS = (
    0,
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


def _group_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    days = inputs.get("retentionInDays")
    if isinstance(days, int) and days not in _RETENTIONS:
        allowed = ", ".join(str(number) for number in _RETENTIONS)
        yield Failure("retentionInDays", f"retentionInDays is one of {allowed}, but it is {days}.")


RESOURCES = (
    ResourceType(
        token="aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        operation="CreateLogGroup",
        create=_create_group,
        read=_read_group,
        delete=_delete_group,
        updates=(
            Update(("retentionInDays",), _change_retention),
            Update(("kmsKeyId",), _change_key),
            Update(("deletionProtectionEnabled",), _change_protection),
            Update(("skipDestroy",), lambda context: None),  # only deletion looks at it
        ),
        names={"name": "logGroupName", "tags": None},
        immutable=("name", "namePrefix", "logGroupClass"),
        defaults={"retentionInDays": 0, "skipDestroy": False},
        computed=("logGroupClass", "deletionProtectionEnabled"),
        write_only=("namePrefix", "skipDestroy"),
        name=Name(longest=512, prefix_property="namePrefix"),
        tagging=Tagging("resourceArn"),
        rules=(_group_rules,),
        transient=(Transient("OperationAbortedException"),),
    ),
    ResourceType(
        token="aws:cloudwatch/logMetricFilter:LogMetricFilter",
        service="logs",
        operation="PutMetricFilter",
        create=_put_filter,
        read=_read_filter,
        delete=lambda context: context.call(
            "DeleteMetricFilter", logGroupName=context.old["logGroupName"], filterName=context.id
        ),
        updates=(Update(("metricTransformation", "pattern", "applyOnTransformedLogs"), _put_filter),),
        names={
            "name": "filterName",
            "pattern": "filterPattern",
            "metricTransformation": "metricTransformations",
            "metricTransformation.name": "metricName",
            "metricTransformation.namespace": "metricNamespace",
            "metricTransformation.value": "metricValue",
        },
        immutable=("name", "logGroupName"),
        defaults={"metricTransformation.unit": "None"},
        computed=("applyOnTransformedLogs",),
        name=Name(longest=512),
    ),
    ResourceType(
        token="aws:cloudwatch/logStream:LogStream",
        service="logs",
        operation="CreateLogStream",
        create=creates("CreateLogStream", identity="name"),
        read=_read_stream,
        delete=lambda context: context.call(
            "DeleteLogStream", logGroupName=context.old["logGroupName"], logStreamName=context.id
        ),
        names={"name": "logStreamName"},
        immutable=("name", "logGroupName"),
        name=Name(longest=512),
    ),
)
