"""The Glue data catalogue: databases, tables and crawlers."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Transient, Update

_DATABASE = ("createTableDefaultPermissions", "description", "locationUri", "parameters")
_TABLE = (
    "description", "owner", "parameters", "partitionKeys", "retention", "storageDescriptor", "tableType",
    "viewExpandedText", "viewOriginalText",
)  # fmt: skip
_CRAWLER = (
    "catalogTargets", "classifiers", "configuration", "databaseName", "deltaTargets", "description", "dynamodbTargets",
    "hudiTargets", "icebergTargets", "lineageConfiguration", "recrawlPolicy", "role", "s3Targets", "schedule",
    "schemaChangePolicy", "securityConfiguration", "tablePrefix",
)  # fmt: skip


def _catalog(context: Context) -> str:
    return str(context.inputs.get("catalogId") or context.cloud.account)


def _create_database(context: Context) -> str:
    context.call("CreateDatabase", **{"CatalogId": _catalog(context), **context.request()})
    context.id = f"{_catalog(context)}:{context.inputs['name']}"
    return context.id


def _read_database(context: Context) -> Properties | None:
    catalog, _, name = context.id.partition(":")
    found = or_missing(lambda: context.call("GetDatabase", CatalogId=catalog, Name=name))
    if found is None:
        return None
    state = context.properties({"DatabaseInput": found["Database"]})
    return {**state, "name": name, "catalogId": catalog, "arn": context.arn("glue", f"database/{name}")}


def _change_database(context: Context) -> None:
    request = context.request("UpdateDatabase") | {"CatalogId": _catalog(context), "Name": context.inputs["name"]}
    context.call("UpdateDatabase", **request)


def _delete_database(context: Context) -> None:
    catalog, _, name = context.id.partition(":")
    context.call("DeleteDatabase", CatalogId=catalog, Name=name)


def _create_table(context: Context) -> str:
    context.call("CreateTable", **{"CatalogId": _catalog(context), **context.request()})
    context.id = f"{_catalog(context)}:{context.inputs['databaseName']}:{context.inputs['name']}"
    return context.id


def _read_table(context: Context) -> Properties | None:
    catalog, database, name = context.id.split(":")
    found = or_missing(lambda: context.call("GetTable", CatalogId=catalog, DatabaseName=database, Name=name))
    if found is None:
        return None
    state = context.properties({"TableInput": found["Table"]})
    arn = context.arn("glue", f"table/{database}/{name}")
    return {**state, "catalogId": catalog, "databaseName": database, "name": name, "arn": arn}


def _change_table(context: Context) -> None:
    request = context.request("UpdateTable")
    request.pop("Name", None)
    context.call("UpdateTable", **{"CatalogId": _catalog(context), **request})


def _delete_table(context: Context) -> None:
    catalog, database, name = context.id.split(":")
    context.call("DeleteTable", CatalogId=catalog, DatabaseName=database, Name=name)


def _create_crawler(context: Context) -> str:
    context.call("CreateCrawler", **context.request())
    context.id = str(context.inputs["name"])
    return context.id


def _read_crawler(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetCrawler", Name=context.id))
    if found is None:
        return None
    live = found["Crawler"]
    state = context.properties(live)
    schedule = live.get("Schedule")
    state["schedule"] = schedule.get("ScheduleExpression") if isinstance(schedule, dict) else schedule
    state["arn"] = context.arn("glue", f"crawler/{context.id}")
    return {name: value for name, value in state.items() if value is not None}


def _delete_crawler(context: Context) -> None:
    context.call("DeleteCrawler", Name=context.id)


def _crawler_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    if not any(name.endswith("Targets") and inputs[name] for name in inputs):
        yield Failure("s3Targets", "a crawler needs at least one target, such as s3Targets.")


def _below(holder: str, names: tuple[str, ...]) -> dict[str, str | None]:
    """Members of the block `holder` that have the property's name."""
    return {name: f"{holder}.{name[0].upper()}{name[1:]}" for name in names}


RESOURCES = (
    ResourceType(
        token="aws:glue/catalogDatabase:CatalogDatabase",
        service="glue",
        operation="CreateDatabase",
        create=_create_database,
        read=_read_database,
        delete=_delete_database,
        updates=(Update(_DATABASE, _change_database),),
        names={**_below("DatabaseInput", ("name", *_DATABASE)), "tags": None},
        immutable=("name", "catalogId"),
        computed=("catalogId", "createTableDefaultPermissions", "locationUri"),
        unsupported=("federatedDatabase", "targetDatabase"),
        name=Name(longest=255, lower=True),
        tagging=Tagging("ResourceArn", listing="GetTags"),
    ),
    ResourceType(
        token="aws:glue/catalogTable:CatalogTable",
        service="glue",
        operation="CreateTable",
        create=_create_table,
        read=_read_table,
        delete=_delete_table,
        updates=(Update(_TABLE, _change_table),),
        names={
            **_below("TableInput", ("name", *_TABLE)),
            "storageDescriptor.serDeInfo": "SerdeInfo",
            "storageDescriptor.schemaReference": None,
        },
        immutable=("name", "catalogId", "databaseName"),
        computed=("catalogId", "storageDescriptor.columns.comment", "owner"),
        unsupported=(
            "openTableFormatInput", "partitionIndices", "targetTable", "viewDefinition",
            "storageDescriptor.schemaReference",
        ),
        name=Name(longest=255, lower=True),
    ),
    ResourceType(
        token="aws:glue/crawler:Crawler",
        service="glue",
        operation="CreateCrawler",
        create=_create_crawler,
        read=_read_crawler,
        delete=_delete_crawler,
        updates=(
            Update(_CRAWLER, lambda context: context.call("UpdateCrawler", **context.request("UpdateCrawler"))),
        ),
        names={
            **_below("Targets", ("catalogTargets", "deltaTargets", "hudiTargets", "icebergTargets", "s3Targets")),
            "dynamodbTargets": "Targets.DynamoDBTargets",
            "securityConfiguration": "CrawlerSecurityConfiguration",
            "tags": None,
        },
        immutable=("name",),
        defaults={
            "schemaChangePolicy.deleteBehavior": "DEPRECATE_IN_DATABASE",
            "schemaChangePolicy.updateBehavior": "UPDATE_IN_DATABASE",
        },
        computed=("schemaChangePolicy", "recrawlPolicy", "lineageConfiguration"),
        documents=("configuration",),
        unsupported=("jdbcTargets", "lakeFormationConfiguration", "mongodbTargets"),
        name=Name(longest=255),
        tagging=Tagging("ResourceArn", listing="GetTags"),
        rules=(_crawler_rules,),
        transient=(
            Transient("InvalidInputException", "Service is unable to assume"),
            Transient("CrawlerRunningException"),
        ),
    ),
)  # fmt: skip
