"""What a stack file may say about a table replica, and what holds when it says nothing: the published workshop."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from components.arns import arn
from components.naming import PhysicalName
from components.settings import (
    AccountId,
    Architecture,
    Capacity,
    KeyArn,
    Peer,
    Region,
    RoleArn,
    RoleName,
    Settings,
    TableName,
    TableStreamFunctionSettings,
    Tags,
    TheirRoleName,
    TheirTableName,
    Throughput,
)

# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
TableArn = Annotated[str, *arn("dynamodb", r"table/[\w.-]+", here=True)]
StreamArn = Annotated[str, *arn("dynamodb", r"table/[\w.-]+/stream/.+", here=True)]

REPLICATOR = TableStreamFunctionSettings(name="ddbreplica_lambda", batch_size=100, timeout_seconds=60)
REPLICATOR_ROLE = "DDBReplicationRole"
CAPACITY = Capacity(read=10, write=5)
TAGS = {"workshop-design-patterns": "targeted-for-cleanup"}


BACKFILLER = "-backfill"
POSITIONS = "-positions"


def backfiller_name(replicator_name: str) -> str:
    """The name of the backfiller's function or role: beside the replicator's."""
    return f"{replicator_name}{BACKFILLER}"


class Key(Settings):
    """A key attribute: its name and its type, S, N or B."""

    name: str = Field(min_length=1, max_length=255)
    type: Literal["S", "N", "B"] = "S"


class Index(Settings):
    """A global secondary index; `projected` names the attributes it holds, all of them when it is left out."""

    name: str
    partition_key: Key
    projected: tuple[str, ...] | None = None
    capacity: Throughput = CAPACITY


GSI_1 = Index(name="GSI_1", partition_key=Key(name="GSI_1_PK"), projected=("bytessent", "requestid", "host"))


class TableShape(Architecture):
    """What source and replica have in common: their keys, indexes and tags."""

    partition_key: Key = Key(name="PK")
    sort_key: Key | None = None
    indexes: tuple[Index, ...] = (GSI_1,)
    tags: Tags = TAGS
    # How long a deleted item's position is kept, in days: the oldest failed batch that may still be redriven.
    tombstone_days: int = Field(default=14, ge=1, le=365)

    @property
    def keys(self) -> dict[str, str]:
        """Key attributes and their types, the partition key first."""
        return {key.name: key.type for key in (self.partition_key, self.sort_key) if key is not None}

    def names_of(self, table_name: str, key: str, *, guarded: bool) -> Iterable[PhysicalName]:
        """The names that go with a table: those of its indexes, and of its positions when it is guarded."""
        if guarded:
            yield PhysicalName(what="table", key=key, value=table_name, after=POSITIONS)
        for place, index in enumerate(self.indexes):
            yield PhysicalName(what="index", key=f"indexes.{place}.name", value=index.name, within=table_name)

    @model_validator(mode="after")
    def _has_one_type_for_each_attribute(self) -> Self:
        if self.sort_key is not None and self.sort_key.name == self.partition_key.name:
            raise ValueError(f"its `partitionKey` and its `sortKey` are both {self.sort_key.name}; name two attributes")
        types = dict(self.keys)
        for index in self.indexes:
            key = index.partition_key
            if types.setdefault(key.name, key.type) != key.type:
                raise ValueError(
                    f"its index {index.name} wants {key.name} of type {key.type}, which is a key of type "
                    f"{types[key.name]} elsewhere: no item could be in both. Give it one type"
                )
        return self


class NewSource(Settings):
    """The source as a table of this stack."""

    table_name: TableName = "logfile"
    capacity: Throughput = CAPACITY
    stream_view: Literal["NEW_IMAGE", "NEW_AND_OLD_IMAGES"] = "NEW_IMAGE"
    time_to_live_attribute: str | None = None


class ExistingSource(Settings):
    """The source as a table that somebody else made; its stream must hold new images.

    `key_arn` is the customer key that encrypts it, if there is one.
    """

    table_arn: TableArn
    stream_arn: StreamArn
    key_arn: KeyArn | None = None

    @model_validator(mode="after")
    def _stream_is_the_tables(self) -> Self:
        if not self.stream_arn.startswith(f"{self.table_arn}/stream/"):
            raise ValueError("`streamArn` must be a stream of `tableArn`")
        return self


class NewReplica(Settings):
    """The replica as a table of this stack."""

    table_name: TableName = "logfile_replica"
    capacity: Throughput = CAPACITY


class FarEndAccess(Settings):
    """The replica elsewhere, as literal values: for a far end whose stack belongs to somebody else."""

    role_arn: RoleArn
    region: Region
    table_name: TheirTableName
    positions_table_name: TheirTableName | None = None

    @property
    def granted(self) -> Mapping[str, str]:
        """The same values under the names of a far end's outputs."""
        return {
            "writerRoleArn": self.role_arn,
            "region": self.region,
            "replicaTableName": self.table_name,
            "positionsTableName": self.positions_table_name or "",
        }


class BulkSettings(Settings):
    """What backfills and verifications that are too large for one machine use: see `bulk.py`.

    `maximum_concurrency` bounds the files that are written at once, `scan_limit_gb` what one query may read, in GiB;
    exports are deleted after `keep_exports_days`.
    """

    maximum_concurrency: int = Field(default=10, ge=1, le=1_000)
    scan_limit_gb: int = Field(default=1_024, ge=1, le=7_168)
    keep_exports_days: int = Field(default=7, ge=1, le=365)


def _source_form(value: object) -> str:
    existing = isinstance(value, ExistingSource) or (isinstance(value, dict) and {"tableArn", "streamArn"} & set(value))
    return "literal" if existing else "created"


def _replica_form(value: object) -> str:
    if isinstance(value, dict):
        return "peer" if "stack" in value else "literal" if "roleArn" in value else "created"
    return "peer" if isinstance(value, Peer) else "literal" if isinstance(value, FarEndAccess) else "created"


class ReplicaSettings(TableShape):
    """The account of the source: the table, the function on its stream, and the replica unless it is elsewhere.

    `guarded` keeps the stream position of every item, so that a late redrive or a backfill beside the running stream
    never overwrites newer data; docs/table-replica.md has what it costs. `bulk` deploys what works beyond one machine.
    """

    kind: Literal["table-replica"]
    source: Annotated[
        Annotated[NewSource, Tag("created")] | Annotated[ExistingSource, Tag("literal")], Discriminator(_source_form)
    ] = NewSource()
    replica: Annotated[
        Annotated[NewReplica, Tag("created")] | Annotated[FarEndAccess, Tag("literal")] | Annotated[Peer, Tag("peer")],
        Discriminator(_replica_form),
    ] = NewReplica()
    external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    guarded: bool = False
    bulk: BulkSettings | None = None
    replicator: TableStreamFunctionSettings = REPLICATOR
    replicator_role_name: RoleName = REPLICATOR_ROLE

    def peers(self) -> Iterable[Peer]:
        return (self.replica,) if isinstance(self.replica, Peer) else ()

    @model_validator(mode="after")
    def _expires_by_a_number(self) -> Self:
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-before-you-start.html
        name = self.source.time_to_live_attribute if isinstance(self.source, NewSource) else None
        keys = self.keys | {index.partition_key.name: index.partition_key.type for index in self.indexes}
        if name is not None and keys.get(name, "N") != "N":
            raise ValueError(
                f"its source's `timeToLiveAttribute` is {name}, a key of type {keys[name]}; only a number of seconds "
                "can expire: name another attribute"
            )
        return self

    @model_validator(mode="after")
    def _has_positions_when_guarded(self) -> Self:
        if self.guarded and isinstance(self.replica, FarEndAccess) and not self.replica.positions_table_name:
            raise ValueError("with `guarded: true` its `replica` must name `positionsTableName`")
        return self

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        if isinstance(self.source, NewSource):
            yield from self.names_of(self.source.table_name, "source.tableName", guarded=False)
        if isinstance(self.replica, NewReplica):
            yield from self.names_of(self.replica.table_name, "replica.tableName", guarded=self.guarded)
        yield self.from_instance("bucket", instance, after="-failures-bucket", automatic=True)
        if self.bulk is None:
            return
        function, role = self.replicator.name, self.replicator_role_name
        yield PhysicalName(what="function", key="replicator.name", value=function, after=BACKFILLER)
        yield PhysicalName(what="state machine", key="replicator.name", value=function, after=BACKFILLER)
        yield PhysicalName(what="role", key="replicatorRoleName", value=role, after=BACKFILLER)
        yield self.from_instance("workgroup", instance, before="tributary-", after="-bulk")
        yield self.from_instance("bucket", instance, after="-bulk-exports-bucket", automatic=True)
        yield self.from_instance("role", instance, after="-bulk-backfill-role", automatic=True)


class Writer(Settings):
    """The role of the source's account that may write here, with the backfiller's. They need not exist yet."""

    account_id: AccountId
    role_name: TheirRoleName = REPLICATOR_ROLE

    def role_arns(self, partition: str) -> list[str]:
        """The replicator's role, and the backfiller's, which is there when the source's stack says `bulk`."""
        names = (self.role_name, backfiller_name(self.role_name))
        return [f"arn:{partition}:iam::{self.account_id}:role/{name}" for name in names]


class FarEndSettings(TableShape):
    """The account or Region of the replica when it is not the source's: the table and the role that writes it."""

    kind: Literal["table-replica/far-end"]
    writer: Writer
    external_id: str | None = Field(default=None, min_length=2, max_length=1224)
    writer_role_name: RoleName = "DDBReplicationWriter"
    table_name: TableName = "logfile_replica"
    capacity: Throughput = CAPACITY
    guarded: bool = False

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        return self.names_of(self.table_name, "tableName", guarded=self.guarded)
