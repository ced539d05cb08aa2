"""What makes the lake's bucket a table that people query: catalogue, workgroup and, if wanted, a crawler."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.bucket import PrivateBucket
from components.data_lake import views
from components.data_lake.layout import Layout
from components.data_lake.prefixes import static_part
from components.data_lake.store_settings import Catalogue
from components.policies import document, statement, trusts_service, uses_key
from components.querying import Querying, QueryingArgs
from components.regions import partition_of

TABLE = "changes"
# The partition of the default prefix, and since when there can be folders of it.
DAY = "delivered_on"
FIRST_DAY = "2020-01-01"

# The changes' own columns: see handlers/README.md.
OWN_COLUMNS: Mapping[str, str] = {
    "change_event": "string",
    "change_time": "string",
    "change_time_us": "bigint",
    "change_order": "string",
    "change_id": "string",
    "change_table": "string",
    "change_key": "string",
    "change_actor": "string",
    "change_names": "string",
    "change_types": "string",
    "change_item": "string",
    "change_old_item": "string",
}
# DynamoDB's key types as those of Glue; numbers keep their digits.
KEY_TYPES = {"S": "string", "N": "string", "B": "string"}

# Input format, output format and SerDe of each format.
# https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html
# https://docs.aws.amazon.com/athena/latest/ug/parquet-serde.html
FORMATS = {
    "json": (
        "org.apache.hadoop.mapred.TextInputFormat",
        "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
    ),
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
}


@dataclass(frozen=True, kw_only=True)
class LakeCatalogueArgs:
    """`keys` are the table's key attributes with their types; `bucket` is the lake, `work` that of results."""

    settings: Catalogue
    layout: Layout
    keys: Mapping[str, str]
    bucket: PrivateBucket
    work: PrivateBucket
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str


class LakeCatalogue(pulumi.ComponentResource):
    """A table over the lake's objects, and a workgroup whose results have a bucket of their own."""

    def __init__(self, name: str, args: LakeCatalogueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:LakeCatalogue", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        querying = Querying(
            name,
            QueryingArgs(bucket_name=args.work.name, key_arn=args.key_arn, scan_limit_gb=args.settings.scan_limit_gb),
            child,
        )
        table = changes_table(
            f"{name}-changes",
            querying.database,
            args.layout,
            args.keys,
            pulumi.Output.concat("s3://", args.bucket.name, "/"),
            child,
        )
        changes_views(name, querying.database, table.name, args.layout, args.keys, child)
        if args.settings.crawler:
            self._crawler(name, args, args.settings.crawler, querying.database)

        self.database = querying.database
        self.table: pulumi.Output[str] = table.name
        self.outputs: dict[str, pulumi.Input[object]] = {
            **querying.outputs,
            "queryTable": table.name,
        }
        self.register_outputs(self.outputs)

    def _crawler(self, name: str, args: LakeCatalogueArgs, schedule: str, database: pulumi.Input[str]) -> None:
        """Looks at the newest objects for columns, and writes what it finds into tables of its own."""
        child = pulumi.ResourceOptions(parent=self)
        folder, partition = static_part(args.layout.prefix), partition_of(args.region)
        catalogue = pulumi.Output.concat(f"arn:{partition}:glue:", args.region, ":", args.account_id, ":")
        role = aws.iam.Role(
            f"{name}-crawler-role", assume_role_policy=trusts_service("glue", args.account_id), opts=child
        )
        # https://docs.aws.amazon.com/glue/latest/dg/crawler-prereqs.html
        policy = aws.iam.RolePolicy(
            f"{name}-crawler-policy",
            role=role.name,
            policy=document(
                [
                    statement(["s3:ListBucket", "s3:GetBucketLocation"], args.bucket.arn),
                    statement(["s3:GetObject"], pulumi.Output.concat(args.bucket.arn, "/", folder, "*")),
                    uses_key(args.key_arn, ["Decrypt"], "s3", args.region),
                    statement(
                        [
                            "glue:BatchCreatePartition",
                            "glue:BatchGetPartition",
                            "glue:CreateTable",
                            "glue:GetDatabase",
                            "glue:GetPartition",
                            "glue:GetPartitions",
                            "glue:GetTable",
                            "glue:GetTables",
                            "glue:UpdatePartition",
                            "glue:UpdateTable",
                        ],
                        [
                            pulumi.Output.concat(catalogue, "catalog"),
                            pulumi.Output.concat(catalogue, "database/", database),
                            pulumi.Output.concat(catalogue, "table/", database, "/*"),
                        ],
                    ),
                    statement(
                        ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                        f"arn:{partition}:logs:{args.region}:*:log-group:/aws-glue/crawlers*",
                    ),
                ]
            ),
            opts=child,
        )
        aws.glue.Crawler(
            f"{name}-crawler",
            name=f"tributary-{name}",
            role=role.arn,
            database_name=database,
            table_prefix="crawled_",
            schedule=schedule,
            s3_targets=[{"path": pulumi.Output.concat("s3://", args.bucket.name, "/", folder)}],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )


def table_columns(layout: Layout, keys: Mapping[str, str]) -> dict[str, str]:
    """The table's columns and their types: the changes' own, the keys', and what the stack file says."""
    return {**OWN_COLUMNS, **{key.lower(): KEY_TYPES[kind] for key, kind in keys.items()}, **layout.columns}


def _is_by_day(layout: Layout) -> bool:
    return layout.prefix == Layout().prefix


def changes_views(
    name: str,
    database: pulumi.Input[str],
    table: pulumi.Input[str],
    layout: Layout,
    keys: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> None:
    """The views over the table, which people query like tables."""
    columns = {**table_columns(layout, keys), **({DAY: "string"} if _is_by_day(layout) else {})}
    for view in views.VIEWS:
        defined = pulumi.Output.all(database, table).apply(
            lambda names, view=view: views.view(view, names[0], names[1], columns)  # type: ignore[misc]  # bound now
        )
        aws.glue.CatalogTable(
            f"{name}-{view}",
            name=view,
            database_name=database,
            table_type=defined["table_type"],
            view_original_text=defined["view_original_text"],
            view_expanded_text=defined["view_expanded_text"],
            parameters=defined["parameters"],
            storage_descriptor=defined["storage_descriptor"],
            opts=opts,
        )


def changes_table(
    name: str,
    database: pulumi.Input[str],
    layout: Layout,
    keys: Mapping[str, str],
    root: pulumi.Input[str],
    opts: pulumi.ResourceOptions,
) -> aws.glue.CatalogTable:
    """The table of the changes under `root`. With the default prefix a query reads the folders of its days only.

    https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html (date)
    """
    input_format, output_format, serde = FORMATS[layout.format]
    folder = static_part(layout.prefix)
    by_day = _is_by_day(layout)
    projection: dict[str, pulumi.Input[str]] = {
        "projection.enabled": "true",
        f"projection.{DAY}.type": "date",
        f"projection.{DAY}.format": "yyyy-MM-dd",
        f"projection.{DAY}.range": f"{FIRST_DAY},NOW+1DAYS",
        "storage.location.template": pulumi.Output.concat(root, folder, f"{DAY}=${{{DAY}}}/"),
    }
    columns = table_columns(layout, keys)
    return aws.glue.CatalogTable(
        name,
        name=TABLE,
        database_name=database,
        table_type="EXTERNAL_TABLE",
        parameters={"EXTERNAL": "TRUE", "classification": layout.format, **(projection if by_day else {})},
        partition_keys=[{"name": DAY, "type": "string"}] if by_day else None,
        storage_descriptor={
            "location": pulumi.Output.concat(root, folder),
            "input_format": input_format,
            "output_format": output_format,
            "ser_de_info": {"serialization_library": serde},
            "columns": [{"name": column, "type": kind} for column, kind in columns.items()],
        },
        opts=opts,
    )
