"""What a stack file may say about the two sides of a cross-account copy, and what holds when it says nothing."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from components.settings import (
    AccountId,
    Architecture,
    Capacity,
    FunctionSettings,
    KinesisReader,
    Peer,
    RoleArn,
    RoleName,
    Settings,
    ShardCount,
    TableStreamFunctionSettings,
    Throughput,
)

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
TableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{3,255}$")]

# The labels of the tables that are not one week's.
TABLE = "table"
OLDER = "older"

COPIER = FunctionSettings(name="ProdKinesisToPocDynamo", batch_size=300, timeout_seconds=120)
FORWARDER = TableStreamFunctionSettings(name="PocLambdaFirehose", batch_size=300, timeout_seconds=300)
CLICK_STREAM_WRITER = TableStreamFunctionSettings(name="PocLambdaClickStream", batch_size=300, timeout_seconds=120)


def _week(text: str) -> str:
    if not re.fullmatch(r"\d{4}-W\d{2}", text):
        raise ValueError("it must be an ISO week such as 2026-W47")
    date.fromisocalendar(int(text[:4]), int(text[-2:]), 1)  # raises ValueError for a week that its year does not have
    return text


IsoWeek = Annotated[str, AfterValidator(_week)]


class Writer(Settings):
    """The role of the other account that may write here. It need not exist yet."""

    account_id: AccountId
    role_name: RoleName = "LambdaKinesisDynamo"

    @property
    def role_arn(self) -> str:
        return f"arn:aws:iam::{self.account_id}:role/{self.role_name}"


class Index(Settings):
    """A global secondary index on one attribute of the records, such as a user id or an e-mail address."""

    attribute: str = Field(min_length=1, max_length=255)
    attribute_type: Literal["S", "N"] = "S"
    name: str | None = None
    capacity: Throughput = Capacity(read=20, write=20)


class Weekly(Settings):
    """A table for the week `current` (an ISO week) and one for the week after it, by the time of a record's arrival.

    The `older` weeks are kept apart in cold storage, and one more such table takes what arrived before all of them.
    """

    current: IsoWeek
    older: tuple[IsoWeek, ...] = ()

    @property
    def following(self) -> str:
        """The ISO week after `current`."""
        year, week = self.current.split("-W")
        return "{}-W{:02}".format(
            *(date.fromisocalendar(int(year), int(week), 1) + timedelta(weeks=1)).isocalendar()[:2]
        )


class ClickStream(Settings):
    """A table of each user's clicks in order of time, fed from the copy's own stream."""

    table_name: TableName = "prod-raven-lambda-webanalytics-clickstream"
    capacity: Throughput = Capacity(read=20, write=20)
    function: TableStreamFunctionSettings = CLICK_STREAM_WRITER


class DeliverySettings(Settings):
    """The delivery stream. The prefix gets the date appended as it is: Firehose adds no separator.

    `pack_bytes` puts several lines into one Firehose record of at most that size, which is billed in steps of 5 KB.
    https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
    """

    name: str = Field(default="prod-s3-firehose", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    prefix: str = "prod-kinesis-data"
    error_prefix: str = "errors/"
    pack_bytes: int = Field(default=0, ge=0, le=1_024_000)
    buffer_mb: int = Field(default=5, ge=1, le=128)
    buffer_seconds: int = Field(default=300, ge=0, le=900)
    compression: Literal["UNCOMPRESSED", "GZIP", "ZIP", "Snappy", "HADOOP_SNAPPY"] = "UNCOMPRESSED"


class TargetSettings(Architecture):
    """The account that receives the copy: table, trusted role, forwarder, delivery stream, bucket."""

    kind: Literal["cross-account-copy/target"]
    writer: Writer
    external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    writer_role_name: RoleName = "DynamoDB-ProdAnalyticsWrite-role"
    table_name: TableName = "prod-raven-lambda-webanalytics-crossaccount"
    capacity: Throughput = Capacity(read=20, write=20)
    index: Index | None = None
    weekly: Weekly | None = None
    click_stream: ClickStream | None = None
    forwarder: TableStreamFunctionSettings = FORWARDER
    forwarder_role_name: RoleName = "lambdadynamostreams_firehose"
    delivery: DeliverySettings = DeliverySettings()
    bucket_name: str | None = None


class TargetAccess(Settings):
    """The target's side as literal values, for a target whose stack belongs to somebody else."""

    role_arn: RoleArn
    region: str
    table_name: TableName | None = None
    weekly_tables: dict[IsoWeek, TableName] | None = None
    older_table: TableName | None = None

    @model_validator(mode="after")
    def _names_its_tables(self) -> Self:
        weekly = (self.weekly_tables, self.older_table)
        if any(weekly) if self.table_name else not all(weekly):
            raise ValueError("it must have either `tableName`, or both `weeklyTables` and `olderTable`")
        return self

    @property
    def tables(self) -> dict[str, str]:
        """The tables by label."""
        if self.table_name:
            return {TABLE: self.table_name}
        return {**(self.weekly_tables or {}), OLDER: self.older_table or ""}


def _target_form(value: object) -> str:
    return "literal" if isinstance(value, dict) and {"roleArn", "tableName", "weeklyTables"} & value.keys() else "peer"


class SourceSettings(KinesisReader):
    """The account whose stream is copied: stream, copier, and the copier's permission to assume the target's role."""

    kind: Literal["cross-account-copy/source"]
    target: Annotated[
        Annotated[Peer, Tag("peer")] | Annotated[TargetAccess, Tag("literal")], Discriminator(_target_form)
    ]
    external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    stream_name: str = Field(default="web-analytics", pattern=r"^[A-Za-z0-9_.-]{1,128}$")
    shard_count: ShardCount = 1
    # https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html
    retention_hours: int = Field(default=24, ge=24, le=8760)
    enhanced_fan_out: bool = False
    copier: FunctionSettings = COPIER
    copier_role_name: RoleName = "LambdaKinesisDynamo"

    def peers(self) -> Iterable[Peer]:
        return (self.target,) if isinstance(self.target, Peer) else ()
