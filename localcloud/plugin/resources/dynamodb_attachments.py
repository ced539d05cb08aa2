"""What is attached to DynamoDB tables: Kinesis streaming destinations and resource policies."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import deletes, or_missing
from localcloud.plugin.checking import Failure
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


def _item_key(context: Context) -> dict[str, Any]:
    known = {**context.old, **context.inputs}
    item = json.loads(known["item"])
    return {known[name]: item[known[name]] for name in ("hashKey", "rangeKey") if known.get(name)}


def _create_item(context: Context) -> str:
    """The real provider makes no item where there is one of the same key: somebody else wrote that."""
    hash_key = {"ExpressionAttributeNames": {"#key": context.inputs["hashKey"]}}
    return _put_item(context, ConditionExpression="attribute_not_exists(#key)", **hash_key)


def _put_item(context: Context, **condition: Any) -> str:
    table = str(context.inputs["tableName"])
    context.call("PutItem", TableName=table, Item=_attributes(json.loads(context.inputs["item"])), **condition)
    values = [next(iter(value.values())) for value in _item_key(context).values()]
    context.id = "|".join([table, *(str(context.inputs[name]) for name in _KEYS if name in context.inputs), *values])
    return context.id


_KEYS = ("hashKey", "rangeKey")


def _attributes(item: Any) -> Any:
    """Binary values are base64 in JSON, and bytes for botocore."""
    if isinstance(item, dict):
        return {key: base64.b64decode(value) if key == "B" else _attributes(value) for key, value in item.items()}
    return [_attributes(value) for value in item] if isinstance(item, list) else item


def _texts(item: Any) -> Any:
    if isinstance(item, bytes):
        return base64.b64encode(item).decode()
    if isinstance(item, dict):
        return {key: _texts(value) for key, value in item.items()}
    return [_texts(value) for value in item] if isinstance(item, list) else item


def _read_item(context: Context) -> Properties | None:
    if "item" not in context.inputs:
        raise OperationError("A table item cannot be imported: declare it without an import, and it is written again.")
    table, key = context.inputs["tableName"], _attributes(_item_key(context))
    found = or_missing(lambda: context.call("GetItem", TableName=table, Key=key, ConsistentRead=True))
    if not found or "Item" not in found:
        return None
    live = {"tableName": table, "item": json.dumps(_texts(found["Item"]), sort_keys=True)}
    values = {
        f"{name}Value": next(iter(key[context.inputs[name]].values())) for name in _KEYS if name in context.inputs
    }
    return {**{name: context.inputs[name] for name in _KEYS if name in context.inputs}, **live, **values}


def _change_item(context: Context) -> None:
    before = {key: json.loads(context.old["item"])[key] for key in _item_key(context)}
    if before != _item_key(context):
        context.call("DeleteItem", TableName=context.inputs["tableName"], Key=_attributes(before))
    _put_item(context)


def _delete_item(context: Context) -> None:
    context.call("DeleteItem", TableName=context.old["tableName"], Key=_attributes(_item_key(context)))


def _item_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    text = inputs.get("item")
    if not isinstance(text, str):
        return
    try:
        item = json.loads(text)
    except ValueError:
        item = None
    if not isinstance(item, dict):
        yield Failure("item", 'item must be a JSON object in DynamoDB\'s form, such as {"id": {"S": "1"}}.')
        return
    for name in _KEYS:
        key = inputs.get(name)
        if isinstance(key, str) and key not in item:
            yield Failure("item", f"item lacks the key attribute `{key}`.")


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
        token="aws:dynamodb/tableItem:TableItem",
        service="dynamodb",
        operation="PutItem",
        create=_create_item,
        read=_read_item,
        delete=_delete_item,
        updates=(Update(("item",), _change_item),),
        names={"item": None},
        immutable=("tableName", "hashKey", "rangeKey"),
        documents=("item",),
        rules=(_item_rules,),
        transient=(Transient("ResourceNotFoundException"),),
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
