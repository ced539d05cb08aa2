"""What a stack file may say about the way from a table to a lake, part by part."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from components.arns import arn
from components.naming import Names
from components.settings import OwnHandler, RetentionDays, Settings, ShardCount, TableName, Throughput

TableArn = Annotated[str, *arn("dynamodb", r"table/[\w.-]+", here=True)]


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


class Bulk(Settings):
    """What backfills and verifications that are too large for one machine use: see `bulk.py`.

    `maximum_concurrency` bounds the files of an export that are read at once.
    """

    maximum_concurrency: int = Field(default=10, ge=1, le=1_000)


def _table_form(value: object) -> str:
    return (
        "literal"
        if isinstance(value, ExistingTable) or (isinstance(value, dict) and "tableArn" in value)
        else "created"
    )


Table = Annotated[
    Annotated[NewTable, Tag("created")] | Annotated[ExistingTable, Tag("literal")], Discriminator(_table_form)
]
