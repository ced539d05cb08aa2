"""What a stack file may say about the sides of a data lake, and the defaults: the published sizes."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Tag, model_validator

from components.data_lake.far_sides import CROSS_ACCOUNT_TABLE, LakeAccess, Producer
from components.data_lake.store_settings import Bucket, Catalogue
from components.data_lake.table_settings import TableSettings
from components.data_lake.way_settings import (
    Bulk,
    ChangeStream,
    Delivery,
    NewTable,
    Table,
    Transform,
)
from components.naming import PhysicalName, What
from components.network_settings import Network, NewNetwork
from components.settings import Peer

SAME_ACCOUNT_TABLE = "blog-srsa-ddb-table"
LEAST_SALT_CHARACTERS = 16
# What is put after the table's name to name the function that reads its exports.
EXPORTER = "-export"


class ProducingSettings(TableSettings):
    """What is said of the way from the table to the bucket. `bulk` deploys what works beyond one machine."""

    table: Table
    stream: ChangeStream = ChangeStream()
    delivery: Delivery = Delivery()
    transform: Transform = Transform()
    network: Network = NewNetwork()
    bulk: Bulk | None = None

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

    @property
    def exporter_name(self) -> str:
        """The function that reads a file of an export, and its state machine."""
        return f"{self.named_after}{EXPORTER}".replace(".", "-")

    @property
    def exporter_role_name(self) -> str:
        return f"{self.exporter_name}-role"

    def names_of_the_way(self, instance: str) -> Iterable[PhysicalName]:
        """The names that are made of the table's, and those of `bulk`."""
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
            said, after = ("transform.name", "-role") if self.transform.name else (key, "-transform-role")
            yield PhysicalName(what="role", key=said, value=value, after=after)
        if self.bulk is not None:
            value = self.named_after.replace(".", "-")
            yield PhysicalName(what="function", key=key, value=value, after=EXPORTER)
            yield PhysicalName(what="state machine", key=key, value=value, after=EXPORTER)
            yield PhysicalName(what="role", key=key, value=value, after=f"{EXPORTER}-role")
            yield self.from_instance("role", instance, after="-backfill-role", automatic=True)

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

    @property
    def said_bucket(self) -> str | None:
        return self.lake.bucket_name if isinstance(self.lake, LakeAccess) else None

    def peers(self) -> Iterable[Peer]:
        return (self.lake,) if isinstance(self.lake, Peer) else ()

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        yield from self.names_of_the_way(instance)
        yield self.work_bucket_name(instance)


class ConsumingSettings(TableSettings):
    """What is said of the bucket and of what makes it a table."""

    bucket: Bucket = Bucket()
    catalogue: Catalogue = Catalogue()

    @property
    def said_bucket(self) -> str | None:
        return self.bucket.name

    def names_of_the_store(self, instance: str) -> Iterable[PhysicalName]:
        """The names that are made of the instance's."""
        yield self.from_instance("workgroup", instance, before="tributary-")
        yield self.work_bucket_name(instance)
        if not self.bucket.name:
            yield self.from_instance("bucket", instance, after="-bucket", automatic=True)
        replica = self.bucket.replica
        if replica and not replica.name:
            yield self.from_instance("bucket", instance, after="-replica-bucket", automatic=True)
        if replica:
            yield self.from_instance("key alias", instance, before="alias/tributary/", after="-replica")
            yield self.from_instance("role", instance, after="-replication-role", automatic=True)
        if self.catalogue.crawler:
            yield self.from_instance("role", instance, after="-crawler-role", automatic=True)


class ConsumerSettings(ConsumingSettings):
    """The account that has the bucket, which one role of the producer's account may write."""

    kind: Literal["data-lake/consumer"]
    producer: Producer

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        return self.names_of_the_store(instance)


class LakeSettings(ProducingSettings, ConsumingSettings):
    """Both sides in one account."""

    kind: Literal["data-lake"]
    table: Table = NewTable(table_name=SAME_ACCOUNT_TABLE)

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        yield from self.names_of_the_way(instance)
        yield from self.names_of_the_store(instance)
