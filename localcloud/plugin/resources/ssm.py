"""Systems Manager parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import deletes, or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Update, tag_request

_CHANGEABLE = (
    "allowedPattern",
    "dataType",
    "description",
    "insecureValue",
    "keyId",
    "overwrite",
    "tier",
    "type",
    "value",
)


def _put(context: Context) -> str:
    request = {**context.request(), "Value": context.inputs.get("value") or context.inputs.get("insecureValue")}
    if context.id:
        request |= {"Overwrite": True}
        request.pop("Tags", None)  # AWS refuses tags together with Overwrite
    elif context.inputs.get("tags"):
        request |= tag_request(context.resource.request_shape(), context.inputs["tags"])
    context.call("PutParameter", **request)
    context.id = str(context.inputs["name"])
    return context.id


def _read(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetParameter", Name=context.id, WithDecryption=True))
    if found is None:
        return None
    filters = [{"Key": "Name", "Option": "Equals", "Values": [context.id]}]
    described = context.call("DescribeParameters", ParameterFilters=filters)["Parameters"]
    live = {**(described[0] if described else {}), **found["Parameter"]}
    value = {"insecureValue" if "insecureValue" in context.inputs else "value": live["Value"]}
    return {**context.properties(live), **value, "version": live["Version"], "hasValueWo": False}


def _rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    if ("value" in inputs) == ("insecureValue" in inputs):
        yield Failure("value", "a parameter needs either value or insecureValue, and not both.")
    if inputs.get("type") == "SecureString" and "insecureValue" in inputs:
        yield Failure("insecureValue", "a SecureString takes its text from value, which Pulumi keeps secret.")


RESOURCES = (
    ResourceType(
        token="aws:ssm/parameter:Parameter",
        service="ssm",
        operation="PutParameter",
        create=_put,
        read=_read,
        delete=deletes("DeleteParameter", {"Name": "id"}),
        updates=(Update(_CHANGEABLE, _put),),
        names={"value": None, "insecureValue": None, "tags": None},
        immutable=("name",),
        computed=("arn", "dataType", "keyId", "tier"),
        write_only=("overwrite",),
        unsupported=("arn", "overwrite", "valueWo", "valueWoVersion"),
        name=Name(longest=2048),
        tagging=Tagging("ResourceId", by="id", tag="AddTagsToResource", untag="RemoveTagsFromResource",
                        fixed={"ResourceType": "Parameter"}),
        rules=(_rules,),
        volatile={"version": _CHANGEABLE},
    ),
)  # fmt: skip
