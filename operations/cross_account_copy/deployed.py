"""Finds both ends of a deployed copy by its stack, as whoever deploys each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from components.cross_account_copy.settings import SourceSettings, TargetSettings
from components.settings import Peer
from operations.access import Far, account_of, instance_of, outputs_of
from operations.cross_account_copy.lake import Lake, delivery_of
from operations.cross_account_copy.stream import Stream
from operations.engine import Engine
from operations.errors import StackError
from operations.instruments.failures import Failures
from operations.instruments.rates import provisioned
from operations.instruments.tables import Table
from operations.stacks import Stack, read


@dataclass(frozen=True)
class Source:
    """The stream, what the copier gave up, and the names of the tables that it writes to, by label."""

    stream: Stream
    failures: Failures
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Target:
    """The tables, and the lake and the table of clicks with what their functions gave up.

    `lake` is None where the target's stack belongs to somebody else, `clicks` where there is no such table.
    """

    tables: list[Table]
    lake: tuple[Lake, Failures] | None = None
    clicks: tuple[Table, Failures] | None = None

    @property
    def read_units(self) -> float | None:
        """The units a second that may be used of the least provisioned table; None when all are on demand.

        More would be throttled, in the end for longer than the SDK retries.
        """
        tables = [*self.tables, *([self.clicks[0]] if self.clicks else [])]
        given = (provisioned(table.description, "ReadCapacityUnits") for table in tables)
        return min((units for units in given if units is not None), default=None)


@dataclass(frozen=True)
class Ends:
    """Both ends of a copy; `source` is None where only the target is asked for."""

    source: Source | None
    target: Target


def find(engine: Engine, stack: Stack, instance: str, far: Far, since: datetime | None = None) -> Ends:
    """Both ends of a stack's instance when it is a source, its own when it is a target.

    `since` is from when on the stream is read; its horizon when None. Raises StackError and AccountError.
    """
    settings = stack.architectures[instance]
    if not isinstance(settings, SourceSettings):
        return Ends(None, _target(engine, stack, instance, far))
    outputs = outputs_of(engine, stack.name, instance)
    here = account_of(engine, stack, outputs)
    if isinstance(settings.target, Peer):
        peer = read(engine, settings.target.stack)
        name = instance_of(peer, settings.target.instance, (TargetSettings,))
        labels = outputs_of(engine, peer.name, name)["tables"]
        target = _target(engine, peer, name, far)
    else:
        if not far.given:
            raise StackError(
                f"the target of stack `{stack.name}` belongs to somebody else: say how to read its tables. Add "
                "`--target-role` with the ARN of a role that may, or `--target-profile`."
            )
        labels = settings.target.tables
        there = far.account(engine, stack.name, settings.target.region, settings.target.role_arn.split(":")[4])
        target = Target([there.table(name) for name in labels.values()])
    stream = Stream(here.client("kinesis"), outputs["streamName"], since)
    return Ends(Source(stream, Failures(here.client("s3"), outputs["failureBucketName"]), labels), target)


def _target(engine: Engine, stack: Stack, instance: str, far: Far) -> Target:
    """What a stack's target holds. Raises StackError and AccountError."""
    outputs = outputs_of(engine, stack.name, instance)
    region = outputs["region"]
    there = (
        far.account(engine, stack.name, region, outputs["writerRoleArn"].split(":")[4])
        if far.given
        else account_of(engine, stack, outputs, region)
    )
    s3 = there.client("s3")

    def failures(function: str) -> Failures:
        return Failures(s3, outputs["failureBucketName"], outputs[function])

    lake = Lake(s3, outputs["bucketName"], delivery_of(there.client("firehose"), outputs["deliveryStreamName"]))
    clicks = outputs.get("clickStreamTableName")
    return Target(
        tables=[there.table(name) for name in outputs["tables"].values()],
        lake=(lake, failures("forwarderName")),
        clicks=(there.table(clicks), failures("clickStreamWriterName")) if clicks else None,
    )
