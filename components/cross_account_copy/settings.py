"""What a stack file may say about the two sides of a cross-account copy, and what holds when it says nothing."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from components.naming import PhysicalName
from components.quotas import most_streams, most_weeks
from components.settings import (
    AccountId,
    Architecture,
    BucketName,
    Capacity,
    DeliveryStreamName,
    FunctionSettings,
    KinesisReader,
    Peer,
    Region,
    RoleArn,
    RoleName,
    Settings,
    ShardCount,
    StreamName,
    TableName,
    TableStreamFunctionSettings,
    TheirRoleName,
    TheirTableName,
    Throughput,
)

# What the copier adds to every item, in the place of attributes of these names that a record may have.
ADDED_ATTRIBUTES = ("seqNumbershardIdHash", "sequenceNumber", "shardId")
# What the click stream's items are found by; both are text there.
CLICK_STREAM_KEYS = ("useremail_", "nanotimestamp_")

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
    role_name: TheirRoleName = "LambdaKinesisDynamo"

    def role_arn(self, partition: str) -> str:
        """The role's ARN, in the partition that both sides are in."""
        return f"arn:{partition}:iam::{self.account_id}:role/{self.role_name}"


class Index(Settings):
    """A global secondary index on one attribute of the records, such as a user id or an e-mail address."""

    attribute: str = Field(min_length=1, max_length=255)
    attribute_type: Literal["S", "N"] = "S"
    name: str | None = None
    capacity: Throughput = Capacity(read=20, write=20)

    @property
    def index_name(self) -> str:
        """Its name, made of the attribute's unless said."""
        return self.name or f"{self.attribute}-index"

    @model_validator(mode="after")
    def _is_on_what_records_have(self) -> Self:
        if self.attribute in ADDED_ATTRIBUTES:
            raise ValueError(
                f"its `attribute` is {self.attribute}, which the copier writes into every item over what a record has "
                "there; name an attribute of the records"
            )
        return self


class Weekly(Settings):
    """A table for the week `current` (an ISO week) and one for the week after it, by the time of a record's arrival.

    The `older` weeks are kept apart in cold storage, and one more such table takes what arrived before all of them.
    """

    current: IsoWeek
    older: tuple[IsoWeek, ...] = ()

    @model_validator(mode="after")
    def _older_weeks_are_over(self) -> Self:
        if len(set(self.older)) < len(self.older) or {self.current, self.following} & set(self.older):
            raise ValueError("its `older` weeks must be other weeks than `current` and the one after it, each once")
        return self

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

    @property
    def role_name(self) -> str:
        """The name of the function's role."""
        return f"{self.function.name}-role"


class DeliverySettings(Settings):
    """The delivery stream. The prefix gets the date appended as it is: Firehose adds no separator.

    `pack_bytes` puts several lines into one Firehose record of at most that size, which is billed in steps of 5 KB.
    https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
    """

    name: DeliveryStreamName = "prod-s3-firehose"
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
    bucket_name: BucketName = None

    @property
    def tables(self) -> dict[str, str]:
        """The tables by label: one, or one for each week and one for what is older than all."""
        if self.weekly is None:
            return {TABLE: self.table_name}
        weeks = [OLDER, *self.weekly.older, self.weekly.current, self.weekly.following]
        return {week: f"{self.table_name}-{week}" for week in weeks}

    @model_validator(mode="after")
    def _fits_into_policy_and_variables(self) -> Self:
        """The forwarder's role names every table's stream, and the copier's variables every table."""
        length = len(self.name_prefix) + max(map(len, self.tables.values()))
        if self.weekly and len(self.tables) > (most := min(most_streams(length), most_weeks(length))):
            raise ValueError(
                f"its `weekly` makes {len(self.tables)} tables; the policy of the forwarder's role and the variables "
                f"of the copier hold {most} with names of {length} characters. Keep at most {most - 3} `older` weeks "
                "here, and the rest in another instance, or shorten `tableName`"
            )
        return self

    def names(self, instance: str) -> list[PhysicalName]:
        found = super().names(instance)
        return [name for name in found if not (self.weekly and name.key == "tableName" and not name.after)]

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        if self.weekly:
            for week in self.tables:
                yield PhysicalName(what="table", key="tableName", value=self.table_name, after=f"-{week}")
        if self.click_stream:
            name = self.click_stream.function.name
            yield PhysicalName(what="role", key="clickStream.function.name", value=name, after="-role")
        if self.index:
            key = "index.name" if self.index.name else "index.attribute"
            said, after = (self.index.name, "") if self.index.name else (self.index.attribute, "-index")
            yield PhysicalName(what="index", key=key, value=said, after=after, within=self.table_name)
        if not self.bucket_name:
            yield self.from_instance("bucket", instance, after="-lake-bucket", automatic=True)
        yield self.from_instance("bucket", instance, after="-failures-bucket", automatic=True)
        yield self.from_instance("role", instance, after="-role", automatic=True)

    @model_validator(mode="after")
    def _has_one_type_for_each_attribute(self) -> Self:
        index = self.index
        if self.click_stream and index and index.attribute in CLICK_STREAM_KEYS and index.attribute_type != "S":
            raise ValueError(
                f"its `index` wants {index.attribute} as a number, and its `clickStream` as text: no record could be "
                "in both. Leave out `attributeType`, or one of the two"
            )
        return self


class TargetAccess(Settings):
    """The target's side as literal values, for a target whose stack belongs to somebody else."""

    role_arn: RoleArn
    region: Region
    table_name: TheirTableName | None = None
    weekly_tables: dict[IsoWeek, TheirTableName] | None = None
    older_table: TheirTableName | None = None

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
    stream_name: StreamName = "web-analytics"
    shard_count: ShardCount = 1
    # https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html
    retention_hours: int = Field(default=24, ge=24, le=8760)
    enhanced_fan_out: bool = False
    copier: FunctionSettings = COPIER
    copier_role_name: RoleName = "LambdaKinesisDynamo"

    def peers(self) -> Iterable[Peer]:
        return (self.target,) if isinstance(self.target, Peer) else ()

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        yield self.from_instance("bucket", instance, after="-failures-bucket", automatic=True)
