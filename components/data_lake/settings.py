"""What a stack file may say about the sides of a data lake, and the defaults: the published sizes."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, field_validator, model_validator

from components.arns import arn
from components.data_lake.prefixes import ERROR_TYPE, checked_error_prefix, checked_prefix
from components.naming import Names, PhysicalName, What
from components.network_settings import Network, NewNetwork
from components.settings import (
    AccountId,
    Architecture,
    BucketName,
    KeyArn,
    OwnHandler,
    Peer,
    Region,
    RetentionDays,
    Settings,
    ShardCount,
    TableName,
    TheirRoleName,
    Throughput,
)


def own_alias(alias: str) -> str:
    """An alias that is not AWS's own. Raises ValueError."""
    if alias.startswith("alias/aws/"):
        raise ValueError("`alias/aws/` begins the aliases of AWS's own keys: choose another name")
    return alias


TableArn = Annotated[str, *arn("dynamodb", r"table/[\w.-]+", here=True)]
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
TheirBucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
# https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html
KeyAlias = Annotated[
    str, StringConstraints(pattern=r"^alias/[A-Za-z0-9/_-]+$", max_length=256), AfterValidator(own_alias)
]
# As the transformer makes them: https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,255}$")]
# https://docs.aws.amazon.com/athena/latest/ug/data-types.html
ColumnType = Annotated[
    str,
    StringConstraints(
        pattern=r"^(string|boolean|tinyint|smallint|int|bigint|float|double|decimal\(\d+,\d+\)|date|timestamp|(array|map|struct)<.+>)$"
    ),
]
ATTRIBUTE_PATH = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$"
SAME_ACCOUNT_TABLE = "blog-srsa-ddb-table"
CROSS_ACCOUNT_TABLE = "blog-srca-ddb-table"
# Megabytes: https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-enable.html and
# https://docs.aws.amazon.com/firehose/latest/dev/enable-record-format-conversion.html
LEAST_PARTITIONED_MB = 64
LEAST_SALT_CHARACTERS = 16
# What is put after the table's name to name the function that reads its exports.
EXPORTER = "-export"


class Key(Settings):
    """A key attribute of the table: its name and its type, S, N or B."""

    name: str = Field(min_length=1, max_length=255)
    type: Literal["S", "N", "B"] = "S"


class NewTable(Settings):
    """The table as one of this stack."""

    table_name: TableName
    capacity: Throughput = "on-demand"

    @property
    def name(self) -> str:
        return self.table_name


class ExistingTable(Settings):
    """A table that is there already, in the account and Region of the stack: its changes are streamed, nothing else."""

    table_arn: TableArn

    @property
    def name(self) -> str:
        return self.table_arn.rpartition("/")[2]


class ChangeStream(Settings):
    """The Kinesis stream of the table's changes, `<table>-data-stream` unless it has a name.

    `precision` is that of the time of a change. AWS's default is the millisecond; two changes of an item are more
    often told apart by the microsecond.
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_EnableKinesisStreamingConfiguration.html
    """

    name: Annotated[str | None, Names("stream")] = None
    shard_count: ShardCount = 10
    # https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html
    retention_hours: int = Field(default=24, ge=24, le=8760)
    precision: Literal["MILLISECOND", "MICROSECOND"] = "MICROSECOND"


class Delivery(Settings):
    """The delivery stream, `<table>-delivery-stream`, and its role, `<table>-delivery-role`, unless they have names.

    Whichever of `buffer_mb` and `buffer_seconds` is reached first writes an object.
    https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
    """

    name: Annotated[str | None, Names("delivery stream")] = None
    role_name: Annotated[str | None, Names("role")] = None
    buffer_mb: int = Field(default=1, ge=1, le=128)
    buffer_seconds: int = Field(default=120, ge=0, le=900)


class Secret(Settings):
    """A value that Pulumi has encrypted in the stack file, as a tool that is not Pulumi sees it."""

    secure: str


class Transform(Settings):
    """The function that makes one level of an item's many, `<table>-transform` unless it has a name.

    `buffer_mb` and `buffer_seconds` say how much it gets at a time. `old_image` adds the item as it was, `keep_nested`
    leaves lists and maps as they are, `drop` and `hash` name attributes that nobody may read in the lake; `salt` is
    the secret of the hashes: `pulumi config set --secret` keeps it. `handler` is your own code instead.
    https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
    """

    name: Annotated[str | None, Names("function")] = None
    role_name: Annotated[str | None, Names("role")] = None
    # Firehose waits for five minutes.
    timeout_seconds: int = Field(default=300, ge=1, le=300)
    memory_mb: int = Field(default=512, ge=128, le=10_240)
    buffer_mb: float = Field(default=1, ge=0.2, le=3)
    buffer_seconds: int = Field(default=60, ge=0, le=900)
    retries: int = Field(default=3, ge=0, le=300)
    old_image: bool = False
    keep_nested: bool = False
    drop: tuple[str, ...] = ()
    hash: tuple[str, ...] = ()
    salt: str | Secret | None = None
    log_retention_days: RetentionDays = 30
    handler: OwnHandler | None = None


class Layout(Settings):
    """Where objects are and what is in them; both sides say it alike.

    `columns` are the items' columns in the catalogue, beside those of the keys and the changes' own; `partition_by`
    names an attribute whose value becomes a folder below the prefix.
    """

    prefix: Annotated[str, AfterValidator(checked_prefix)] = "changes/delivered_on=!{timestamp:yyyy-MM-dd}/"
    error_prefix: Annotated[str, AfterValidator(checked_error_prefix)] = (
        f"errors/{ERROR_TYPE}/!{{timestamp:yyyy-MM-dd}}/"
    )
    format: Literal["json", "parquet"] = "json"
    compression: Literal["UNCOMPRESSED", "GZIP"] = "UNCOMPRESSED"
    # What the catalogue tells of the items' own columns: column → type of Glue.
    columns: dict[ColumnName, ColumnType] = Field(default_factory=dict)
    # The names on the way to the attribute, joined by dots.
    partition_by: str | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$", max_length=128
    )

    @model_validator(mode="after")
    def _parquet_compresses_itself(self) -> Self:
        if self.format == "parquet" and self.compression != "UNCOMPRESSED":
            raise ValueError("`compression` must be left out with `format: parquet`, which is compressed by itself")
        return self

    @field_validator("columns")
    @classmethod
    def _are_the_items(cls, columns: dict[str, str]) -> dict[str, str]:
        if own := sorted(column for column in columns if column.startswith("change_")):
            raise ValueError(
                f"`{own[0]}` would be one of the changes' own columns: an attribute of that name is the column "
                f"`item_{own[0]}`"
            )
        return columns

    @property
    def partition_name(self) -> str:
        """The name of the partition: `address.city` is `address_city`."""
        return (self.partition_by or "").replace(".", "_").lower()

    @property
    def delivery_prefix(self) -> str:
        """The prefix as Firehose gets it."""
        if self.partition_by is None:
            return self.prefix
        folder = self.prefix if self.prefix.endswith("/") else f"{self.prefix}/"
        return f"{folder}{self.partition_name}=!{{partitionKeyFromLambda:{self.partition_name}}}/"

    @property
    def least_buffer_mb(self) -> int:
        """What Firehose asks for, in MB."""
        return LEAST_PARTITIONED_MB if self.partition_by or self.format == "parquet" else 1


class Producer(Settings):
    """The account whose table is streamed, and its delivery stream's role, which need not exist yet."""

    account_id: AccountId
    role_name: TheirRoleName = f"{CROSS_ACCOUNT_TABLE}-delivery-role"

    def role_arn(self, partition: str) -> str:
        """The role's ARN, in the partition that both sides are in."""
        return f"arn:{partition}:iam::{self.account_id}:role/{self.role_name}"


class ReplicaBucket(Settings):
    """A copy of the bucket in another Region, encrypted with a key of that Region."""

    region: Region
    name: BucketName = None


class Bucket(Settings):
    """The lake's bucket. What is deleted or overwritten is kept for a while, and so is what could not be delivered."""

    name: BucketName = None
    keep_old_versions_days: int = Field(default=30, ge=1)
    keep_errors_days: int = Field(default=90, ge=1)
    replica: ReplicaBucket | None = None


class Catalogue(Settings):
    """What makes the bucket a table: `scan_limit_gb` is what one query may read, in GiB.

    `crawler` is when a Glue crawler looks for columns by itself, such as `cron(0 5 * * ? *)`; results of queries are
    deleted after `keep_results_days`. https://docs.aws.amazon.com/glue/latest/dg/monitor-data-warehouse-schedule.html
    """

    scan_limit_gb: int = Field(default=1_024, ge=1, le=7_168)
    crawler: str | None = Field(default=None, pattern=r"^cron\(.+\)$")
    keep_results_days: int = Field(default=7, ge=1, le=365)


class TableSettings(Architecture):
    """What both sides say: the keys of the table, and the layout of the bucket."""

    partition_key: Key = Key(name="id")
    sort_key: Key | None = None
    layout: Layout = Layout()
    # The name by which people find the customer key; `alias/tributary/<instance>` when left out.
    key_alias: KeyAlias | None = None

    @property
    def keys(self) -> dict[str, str]:
        """Key attributes and their types, the partition key first."""
        return {key.name: key.type for key in (self.partition_key, self.sort_key) if key is not None}


def _table_form(value: object) -> str:
    return (
        "literal"
        if isinstance(value, ExistingTable) or (isinstance(value, dict) and "tableArn" in value)
        else "created"
    )


Table = Annotated[
    Annotated[NewTable, Tag("created")] | Annotated[ExistingTable, Tag("literal")], Discriminator(_table_form)
]


class ProducingSettings(TableSettings):
    """What is said of the way from the table to the bucket."""

    table: Table
    stream: ChangeStream = ChangeStream()
    delivery: Delivery = Delivery()
    transform: Transform = Transform()
    network: Network = NewNetwork()

    @property
    def named_after(self) -> str:
        """What the names begin with that the stack file does not say: the table's, with the prefix."""
        return self.table.name if isinstance(self.table, NewTable) else f"{self.name_prefix}{self.table.name}"

    @property
    def stream_name(self) -> str:
        return self.stream.name or f"{self.named_after}-data-stream"

    @property
    def delivery_name(self) -> str:
        return self.delivery.name or f"{self.named_after}-delivery-stream"

    @property
    def delivery_role_name(self) -> str:
        return self.delivery.role_name or f"{self.named_after}-delivery-role"

    @property
    def transform_name(self) -> str:
        # Of a table's name a function's has all characters but the dot.
        return self.transform.name or f"{self.named_after}-transform".replace(".", "-")

    @property
    def transform_role_name(self) -> str:
        return self.transform.role_name or f"{self.transform_name}-role"

    def names_of_the_way(self) -> Iterable[PhysicalName]:
        """The names that are made of the table's."""
        key = "table.tableName" if isinstance(self.table, NewTable) else "table.tableArn"
        made: dict[str, tuple[What, str | None]] = {
            "-data-stream": ("stream", self.stream.name),
            "-delivery-stream": ("delivery stream", self.delivery.name),
            "-delivery-role": ("role", self.delivery.role_name),
            "-transform": ("function", self.transform.name),
        }
        for after, (what, said) in made.items():
            if said is None:
                value = self.named_after.replace(".", "-") if what == "function" else self.named_after
                yield PhysicalName(what=what, key=key, value=value, after=after)
        if self.transform.role_name is None:
            value = self.transform.name or self.named_after.replace(".", "-")
            key, after = ("transform.name", "-role") if self.transform.name else (key, "-transform-role")
            yield PhysicalName(what="role", key=key, value=value, after=after)

    @model_validator(mode="after")
    def _keys_stay_as_they_are(self) -> Self:
        for setting, names in (("drop", self.transform.drop), ("hash", self.transform.hash)):
            if spoiled := [name for name in names if name in self.keys]:
                raise ValueError(
                    f"`transform.{setting}` names `{spoiled[0]}`, which is a key of the table: without it nobody could "
                    "tell whose change a row is. Name attributes that are no keys"
                )
        if both := sorted({*self.transform.drop} & {*self.transform.hash}):
            raise ValueError(f"`{both[0]}` is in `transform.drop` and in `transform.hash`: leave it in one of them")
        return self

    @model_validator(mode="after")
    def _hashes_are_salted(self) -> Self:
        salt = self.transform.salt
        if self.transform.hash and (salt is None or (isinstance(salt, str) and len(salt) < LEAST_SALT_CHARACTERS)):
            raise ValueError(
                f"`transform.hash` needs `transform.salt`, a secret of at least {LEAST_SALT_CHARACTERS} characters, or "
                "whoever guesses a value finds its hash. Type `pulumi config set --secret --path "
                "'tributary:architectures.<instance>.transform.salt' \"$(openssl rand -hex 32)\" -s <stack>`"
            )
        return self

    @model_validator(mode="after")
    def _buffers_enough(self) -> Self:
        least = self.layout.least_buffer_mb
        if self.delivery.buffer_mb < least:
            cause = "layout.partitionBy" if self.layout.partition_by else "layout.format: parquet"
            raise ValueError(
                f"`delivery.bufferMb` is {self.delivery.buffer_mb}; with `{cause}` Firehose asks for at least {least}"
            )
        return self


class LakeAccess(Settings):
    """The other account's bucket as literal values, for a consumer whose stack belongs to somebody else."""

    account_id: AccountId
    bucket_name: TheirBucketName
    key_arn: KeyArn

    @model_validator(mode="after")
    def _key_is_the_accounts(self) -> Self:
        if self.key_arn.split(":")[4] != self.account_id:
            raise ValueError(
                f"`keyArn` is a key of account {self.key_arn.split(':')[4]}, but `accountId` is {self.account_id}: it "
                "must be the customer key of the bucket's account"
            )
        return self


def _lake_form(value: object) -> str:
    literal = isinstance(value, LakeAccess) or (
        isinstance(value, dict) and {"bucketName", "keyArn", "accountId"} & value.keys()
    )
    return "literal" if literal else "peer"


class ProducerSettings(ProducingSettings):
    """The account that has the table: table, stream, delivery stream and transforming function."""

    kind: Literal["data-lake/producer"]
    table: Table = NewTable(table_name=CROSS_ACCOUNT_TABLE)
    lake: Annotated[Annotated[Peer, Tag("peer")] | Annotated[LakeAccess, Tag("literal")], Discriminator(_lake_form)]

    def peers(self) -> Iterable[Peer]:
        return (self.lake,) if isinstance(self.lake, Peer) else ()

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        return self.names_of_the_way()


class ConsumingSettings(TableSettings):
    """What is said of the bucket and of what makes it a table."""

    bucket: Bucket = Bucket()
    catalogue: Catalogue = Catalogue()

    def names_of_the_store(self, instance: str) -> Iterable[PhysicalName]:
        """The names that are made of the instance's."""
        yield self.from_instance("workgroup", instance, before="tributary-")
        yield self.from_instance("bucket", instance, after="-work-bucket", automatic=True)
        if not self.bucket.name:
            yield self.from_instance("bucket", instance, after="-bucket", automatic=True)
        replica = self.bucket.replica
        if replica and not replica.name:
            yield self.from_instance("bucket", instance, after="-replica-bucket", automatic=True)
        if replica:
            yield self.from_instance("key alias", instance, before="alias/tributary/", after="-replica")


class ConsumerSettings(ConsumingSettings):
    """The account that has the bucket, which one role of the producer's account may write."""

    kind: Literal["data-lake/consumer"]
    producer: Producer

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        return self.names_of_the_store(instance)


class Bulk(Settings):
    """What backfills and verifications that are too large for one machine use: see `bulk.py`.

    `maximum_concurrency` bounds the files of an export that are read at once.
    """

    maximum_concurrency: int = Field(default=10, ge=1, le=1_000)


class LakeSettings(ProducingSettings, ConsumingSettings):
    """Both sides in one account. `bulk` deploys what works beyond one machine."""

    kind: Literal["data-lake"]
    table: Table = NewTable(table_name=SAME_ACCOUNT_TABLE)
    bulk: Bulk | None = None

    @property
    def exporter_name(self) -> str:
        """The function that reads a file of an export, and its state machine."""
        return f"{self.named_after}{EXPORTER}".replace(".", "-")

    @property
    def exporter_role_name(self) -> str:
        return f"{self.exporter_name}-role"

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        yield from self.names_of_the_way()
        yield from self.names_of_the_store(instance)
        if self.bulk is None:
            return
        key = "table.tableName" if isinstance(self.table, NewTable) else "table.tableArn"
        value = self.named_after.replace(".", "-")
        yield PhysicalName(what="function", key=key, value=value, after=EXPORTER)
        yield PhysicalName(what="state machine", key=key, value=value, after=EXPORTER)
        yield PhysicalName(what="role", key=key, value=value, after=f"{EXPORTER}-role")
        yield self.from_instance("role", instance, after="-backfill-role", automatic=True)
