"""What is attached to DynamoDB tables: Kinesis streaming destinations and resource policies."""

from typing import Any

from localcloud.plugin.calls import deletes, or_missing
from localcloud.plugin.errors import OperationError
from localcloud.plugin.resource import Context, Properties, ResourceType, Transient, Update

_PRECISION = "approximateCreationDateTimePrecision"


def _enable(context: Context) -> str:
    table, stream = context.inputs["tableName"], context.inputs["streamArn"]
    precision = context.inputs.get(_PRECISION)
    configuration = {"ApproximateCreationDateTimePrecision": precision} if precision else None
    context.call(
        "EnableKinesisStreamingDestination",
        TableName=table,
        StreamArn=stream,
        EnableKinesisStreamingConfiguration=configuration,
    )
    context.id = f"{table},{stream}"
    context.wait(lambda: _reached(context, "ACTIVE"), f"the stream {stream} to receive the changes of table {table}")
    return context.id


def _reached(context: Context, status: str) -> bool | None:
    found = _destination(context)
    if found and found["DestinationStatus"] == "ENABLE_FAILED":
        reason = found.get("DestinationStatusDescription", "AWS gives no reason")
        raise OperationError(f"DynamoDB could not enable the destination: {reason}.")
    return True if found and found["DestinationStatus"] == status else None


def _destination(context: Context) -> dict[str, Any] | None:
    table, _, stream = context.id.partition(",")
    answer = or_missing(lambda: context.call("DescribeKinesisStreamingDestination", TableName=table))
    found = answer["KinesisDataStreamDestinations"] if answer else []
    return next(
        (item for item in found if item["StreamArn"] == stream and item["DestinationStatus"] != "DISABLED"), None
    )


def _read_destination(context: Context) -> Properties | None:
    found = _destination(context)
    if found is None or found["DestinationStatus"] == "DISABLING":
        return None
    table, _, stream = context.id.partition(",")
    precision = found.get("ApproximateCreationDateTimePrecision", "MILLISECOND")
    return {"tableName": table, "streamArn": stream, _PRECISION: precision}


def _disable(context: Context) -> None:
    table, _, stream = context.id.partition(",")
    context.call("DisableKinesisStreamingDestination", TableName=table, StreamArn=stream)
    context.wait(lambda: True if _destination(context) is None else None, f"the destination {stream} to be disabled")


def _put_policy(context: Context) -> str:
    context.call("PutResourcePolicy", **context.request("PutResourcePolicy"))
    context.id = str(context.inputs["resourceArn"])
    return context.id


def _read_policy(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetResourcePolicy", ResourceArn=context.id))
    if found is None or not found.get("Policy"):
        return None
    return {"resourceArn": context.id, "policy": found["Policy"], "revisionId": found["RevisionId"]}


RESOURCES = (
    ResourceType(
        token="aws:dynamodb/kinesisStreamingDestination:KinesisStreamingDestination",
        service="dynamodb",
        operation="EnableKinesisStreamingDestination",
        create=_enable,
        read=_read_destination,
        delete=_disable,
        names={_PRECISION: "EnableKinesisStreamingConfiguration.ApproximateCreationDateTimePrecision"},
        immutable=("tableName", "streamArn", _PRECISION),
        computed=(_PRECISION,),
        # A table has one destination for each stream, and at most two.
        deletes_first=True,
        transient=(Transient("ResourceInUseException"), Transient("LimitExceededException")),
    ),
    ResourceType(
        token="aws:dynamodb/resourcePolicy:ResourcePolicy",
        service="dynamodb",
        operation="PutResourcePolicy",
        create=_put_policy,
        read=_read_policy,
        delete=deletes("DeleteResourcePolicy", {"ResourceArn": "id"}),
        updates=(Update(("policy", "confirmRemoveSelfResourceAccess"), _put_policy),),
        names={"confirmRemoveSelfResourceAccess": "ConfirmRemoveSelfResourceAccess"},
        immutable=("resourceArn",),
        write_only=("confirmRemoveSelfResourceAccess",),
        documents=("policy",),
        transient=(Transient("ResourceInUseException"), Transient("ResourceNotFoundException", "stream")),
        volatile={"revisionId": ("policy",)},
    ),
)
