"""Athena workgroups and saved queries."""

from typing import Any

from localcloud.plugin.calls import creates, deletes, or_missing
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Update


def _create_workgroup(context: Context) -> str:
    request = context.request()
    encryption = context.inputs.get("configuration", {}).get("resultConfiguration", {}).get("encryptionConfiguration")
    if encryption:
        request["Configuration"]["ResultConfiguration"]["EncryptionConfiguration"] = _encryption(encryption)
    context.call("CreateWorkGroup", **request)
    context.id = str(context.inputs["name"])
    if context.inputs["state"] != "ENABLED":
        context.call("UpdateWorkGroup", WorkGroup=context.id, State=context.inputs["state"])
    return context.id


def _encryption(given: dict[str, Any]) -> dict[str, Any]:
    key = {"KmsKey": given["kmsKeyArn"]} if given.get("kmsKeyArn") else {}
    return {"EncryptionOption": given.get("encryptionOption"), **key}


def _read_workgroup(context: Context) -> Properties | None:
    # Athena answers InvalidRequestException for a workgroup that is not there: ask for the list instead.
    names = {item["Name"] for item in context.call("ListWorkGroups")["WorkGroups"]}
    if context.id not in names:
        return None
    live = context.call("GetWorkGroup", WorkGroup=context.id)["WorkGroup"]
    return {**context.properties(live), "arn": context.arn("athena", f"workgroup/{context.id}")}


def _change_workgroup(context: Context) -> None:
    """Everything is sent again; what the program no longer has is removed in words."""
    configuration = context.request("CreateWorkGroup", only={"configuration"}).get("Configuration", {})
    result = configuration.pop("ResultConfiguration", {})
    given = context.inputs.get("configuration", {}).get("resultConfiguration", {})
    if encryption := given.get("encryptionConfiguration"):
        result["EncryptionConfiguration"] = _encryption(encryption)
    else:
        result["RemoveEncryptionConfiguration"] = True
    if not given.get("outputLocation"):
        result["RemoveOutputLocation"] = True
    if "BytesScannedCutoffPerQuery" not in configuration:
        configuration["RemoveBytesScannedCutoffPerQuery"] = True
    context.call(
        "UpdateWorkGroup",
        WorkGroup=context.id,
        Description=context.inputs.get("description", ""),
        State=context.inputs["state"],
        ConfigurationUpdates={**configuration, "ResultConfigurationUpdates": result},
    )


def _delete_workgroup(context: Context) -> None:
    force = context.old.get("forceDestroy", False)
    context.call("DeleteWorkGroup", WorkGroup=context.id, RecursiveDeleteOption=force)


def _read_query(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("BatchGetNamedQuery", NamedQueryIds=[context.id]))
    queries = found["NamedQueries"] if found else []
    return context.properties(queries[0]) if queries else None


_CONFIGURATION = "configuration.resultConfiguration"

RESOURCES = (
    ResourceType(
        token="aws:athena/workgroup:Workgroup",
        service="athena",
        operation="CreateWorkGroup",
        create=_create_workgroup,
        read=_read_workgroup,
        delete=_delete_workgroup,
        updates=(
            Update(("configuration", "description", "state"), _change_workgroup),
            Update(("forceDestroy",), lambda context: None),  # only deletion looks at it
        ),
        names={f"{_CONFIGURATION}.encryptionConfiguration.kmsKeyArn": "KmsKey", "tags": None},
        immutable=("name",),
        defaults={
            "forceDestroy": False,
            "state": "ENABLED",
            "configuration.enforceWorkgroupConfiguration": True,
            "configuration.publishCloudwatchMetricsEnabled": True,
        },
        computed=(
            "configuration", "configuration.engineVersion", "configuration.engineVersion.effectiveEngineVersion",
            "configuration.enableMinimumEncryptionConfiguration", "configuration.managedQueryResultsConfiguration",
        ),
        write_only=("forceDestroy",),
        unsupported=(
            "configuration.customerContentEncryptionConfiguration", "configuration.identityCenterConfiguration",
            "configuration.monitoringConfiguration", "configuration.queryResultsS3AccessGrantsConfiguration",
        ),
        name=Name(longest=128),
        tagging=Tagging("ResourceARN"),
    ),
    ResourceType(
        token="aws:athena/namedQuery:NamedQuery",
        service="athena",
        operation="CreateNamedQuery",
        create=creates("CreateNamedQuery", identity=".NamedQueryId"),
        read=_read_query,
        delete=deletes("DeleteNamedQuery", {"NamedQueryId": "id"}),
        names={"query": "QueryString"},
        immutable=("name", "database", "query", "description", "workgroup"),
        defaults={"workgroup": "primary"},
        name=Name(longest=128),
    ),
)  # fmt: skip
