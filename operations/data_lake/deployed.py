"""Finds the two sides of a deployed data lake from either of them: the way of the changes, and what stores them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from components.data_lake.settings import ConsumerSettings, ConsumingSettings, ProducerSettings, ProducingSettings
from components.settings import Peer
from operations.errors import StackError
from operations.instances import Instance
from operations.instruments.athena import Athena
from operations.instruments.exporting import ExportBucket
from operations.instruments.tables import Table
from operations.stacks import file_name, read, read_all


@dataclass(frozen=True)
class Way:
    """The side that has the table, its stream and its delivery stream."""

    at: Instance

    @property
    def settings(self) -> ProducingSettings:
        """What the stack file says of it."""
        return cast(ProducingSettings, self.at.settings)

    @cached_property
    def table(self) -> Table:
        """The table whose changes are streamed."""
        return self.at.account.table(self.at.outputs["tableName"])

    @property
    def stream_arn(self) -> str:
        """The stream of the changes."""
        return str(self.at.outputs["streamArn"])

    @property
    def export_bucket(self) -> ExportBucket:
        """Where the table's exports go: a bucket of its own account."""
        key_arn = str(self.at.outputs["keyArn"])
        return ExportBucket(str(self.at.outputs["exportBucketName"]), key_arn.split(":")[4], key_arn)

    @cached_property
    def s3(self) -> Any:
        """The client that reads exports."""
        return self.at.client("s3")


@dataclass(frozen=True)
class Store:
    """The side that has the bucket and the catalogue."""

    at: Instance

    @property
    def settings(self) -> ConsumingSettings:
        """What the stack file says of it."""
        return cast(ConsumingSettings, self.at.settings)

    @property
    def bucket(self) -> str:
        """The lake's bucket."""
        return str(self.at.outputs["bucketName"])

    @property
    def work_bucket(self) -> str:
        """The bucket of results, and of rows that are compared with the lake's."""
        return str(self.at.outputs["workBucketName"])

    @cached_property
    def athena(self) -> Athena:
        """Queries over the lake."""
        return Athena(self.at.client, self.at.outputs)

    @cached_property
    def s3(self) -> Any:
        """The client that reads the bucket."""
        return self.at.client("s3")


@dataclass(frozen=True)
class Bulk:
    """What works beyond one machine: the state machine, and how many files it takes at once."""

    machine_arn: str
    concurrency: int


def bulk_of(way: Way, option: str) -> Bulk:
    """What `option` of the command line needs. Raises StackError when it is not deployed."""
    at = way.at
    found = at.outputs.get("bulk")
    if not found:
        raise StackError(
            f"`{at.name}` of stack `{at.stack.name}` has nothing that works beyond one machine. Set `bulk: {{}}` in "
            f"{file_name(at.stack.name)}, type `tributary up {at.stack.name}`, then the same command again; or leave "
            f"out `{option}`."
        )
    return Bulk(str(found["backfillMachineArn"]), int(found["maximumConcurrency"]))


def require_rows_taken(way: Way, store: Store) -> None:
    """Raise StackError when another account's bucket does not take rows of the table's exports."""
    settings = store.settings
    if not isinstance(settings, ConsumerSettings):
        return
    role, granted = way.settings.exporter_role_name, settings.producer.export_role_name
    if role != granted:
        found = f"`{granted}`" if granted else "no role"
        raise StackError(
            f"{file_name(store.at.stack.name)} lets {found} bring rows of exports to be compared; the one that makes "
            f"them is `{role}`. Set `producer.exportRoleName: {role}` there, type `tributary up "
            f"{store.at.stack.name}`, then the same command again; or leave out `--engine athena`."
        )


def way_of(at: Instance) -> Way:
    """The side that has the table. Raises StackError when its stack is not one of this folder."""
    if isinstance(at.settings, ProducingSettings):
        return Way(at)
    for one in _producers(at):
        return Way(one)
    raise StackError(
        f"`{at.name}` of stack `{at.stack.name}` holds the bucket; no stack file of this folder has the table whose "
        "changes come to it. Type the command in the folder of that stack, with its name."
    )


def store_of(at: Instance) -> Store:
    """The side that has the bucket. Raises StackError when its stack is not one of this folder."""
    settings = at.settings
    if isinstance(settings, ConsumingSettings):
        return Store(at)
    if isinstance(settings, ProducerSettings) and isinstance(settings.lake, Peer):
        stack = read(at.engine, settings.lake.stack)
        return Store(Instance(at.engine, stack, settings.lake.instance or at.name))
    raise StackError(
        f"`{at.name}` of stack `{at.stack.name}` delivers to a bucket that belongs to somebody else. Type the command "
        "with the name of the stack that has the bucket, in its folder."
    )


def _producers(at: Instance) -> Iterator[Instance]:
    """The instances of other stacks that deliver to this one."""
    with_files = [name for name in at.engine.deployed() if (at.engine.folder / file_name(name)).exists()]
    for stack in read_all(at.engine, with_files):
        for instance, settings in stack.architectures.items():
            peer = settings.lake if isinstance(settings, ProducerSettings) else None
            if isinstance(peer, Peer) and peer.stack == at.stack.name and (peer.instance or instance) == at.name:
                yield Instance(at.engine, stack, instance)
