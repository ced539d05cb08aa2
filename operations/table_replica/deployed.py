"""Finds a deployed replica by its stack: tables, function, mapping and bucket, as whoever deploys the stack."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from components.settings import Peer
from components.table_replica.settings import ReplicaSettings
from operations.access import Account, Far, account_of, instance_of, outputs_of
from operations.engine import Engine
from operations.errors import StackError
from operations.instruments.exporting import ExportBucket
from operations.instruments.tables import Table
from operations.provider import Provider
from operations.stacks import Stack, read

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

# An invocation may take as long as the function's timeout, 900 s at the most; it is not made twice behind our back.
_ONE_LONG_CALL = Config(read_timeout=910, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Bulk:
    """What works beyond one machine, in the source's account: `outputs` are those of the component BulkOperations.

    `client` makes a client of a service there.
    """

    bucket: ExportBucket
    outputs: Mapping[str, Any]
    client: Callable[[str], Any]


@dataclass(frozen=True)
class Replica:
    """A deployed replica. `positions_table` is None unless it is guarded, `bulk` unless its stack file asks for it."""

    source: Table
    replica: Table
    positions_table: str | None
    function: str
    mapping_id: str
    failure_bucket: str
    lambda_: "LambdaClient"
    s3: "S3Client"
    bulk: Bulk | None = None


def find(
    engine: Engine,
    stack: str,
    instance: str | None = None,
    *,
    replica_role: str | None = None,
    replica_profile: str | None = None,
) -> Replica:
    """The replica that a stack deploys; `instance` is needed when there are several.

    The source's side is reached by the role that the stack file deploys as, a replica of another stack by that one's;
    `replica_role` or `replica_profile` say otherwise, and are needed for a replica whose stack belongs to somebody
    else. Raises StackError.
    """
    settings = read(engine, stack)
    name = instance_of(settings, instance, (ReplicaSettings,))
    architecture = settings.architectures[name]
    assert isinstance(architecture, ReplicaSettings)
    outputs = outputs_of(engine, stack, name)
    here = account_of(engine, settings, outputs, outputs["region"])
    there = _far_end(engine, settings, architecture, outputs, here, Far(replica_role, replica_profile))
    return Replica(
        source=here.table(outputs["sourceTableName"]),
        replica=there.table(outputs["replicaTableName"]),
        positions_table=outputs["positionsTableName"] or None,
        function=outputs["replicatorName"],
        mapping_id=outputs["mappingIds"]["replicator"]["stream"],
        failure_bucket=outputs["failureBucketName"],
        lambda_=here.client("lambda", _ONE_LONG_CALL),
        s3=here.client("s3"),
        bulk=bulk_of(here.client, outputs),
    )


def _far_end(
    engine: Engine, stack: Stack, settings: ReplicaSettings, outputs: Mapping[str, Any], here: Account, far: Far
) -> Account:
    """The account of the replica: that of the stack, unless its writer's role is in another one."""
    region, writer = outputs["replicaRegion"], outputs["writerRoleArn"]
    account_id = writer.split(":")[4] if writer else stack.account_id
    if far.given:
        return far.account(engine, stack.name, region, account_id)
    if not isinstance(settings.replica, Peer):
        return replace(here, region=region).guarded(account_id, f"the replica of stack `{stack.name}` is in")
    there = account_of(engine, read(engine, settings.replica.stack), region=region)
    return there.guarded(account_id, f"stack `{stack.name}` was deployed with a replica in")


def bulk_of(client: Callable[[str], Any], outputs: Mapping[str, Any]) -> Bulk | None:
    """What a replica's outputs say about operations beyond one machine; None when they are not deployed."""
    deployed = outputs.get("bulk")
    if deployed is None:
        return None
    account_id = outputs["replicatorRoleArn"].split(":")[4]
    return Bulk(
        bucket=ExportBucket(deployed["exportBucketName"], account_id, deployed["exportKeyArn"]),
        outputs=deployed,
        client=client,
    )


def required_bulk(replica: Replica, stack: str) -> Bulk:
    """The replica's `bulk`. Raises StackError when its stack has none."""
    if replica.bulk is None:
        raise StackError(
            f"stack `{stack}` deploys nothing that works beyond one machine. Add `bulk: {{}}` to its table replica in "
            f"Pulumi.{stack}.yaml, and type `tributary up {stack}`."
        )
    return replica.bulk


def table_of(engine: Engine, stack: str | None, account_id: str | None, region: str | None, name: str) -> Table:
    """A table of a stack's account and Region, as whoever deploys it; or of the account with this id, as the caller.

    Raises StackError when neither is said, and AccountError when the identity is not of that account.
    """
    if stack is not None:
        return account_of(engine, read(engine, stack), region=region).table(name)
    if account_id is None:
        raise StackError(
            "in which account is the table? Add `--stack` with a stack of that account, or `--account` with its id: "
            "nothing is written into another one."
        )
    region = region or engine.environment.get("AWS_REGION") or engine.environment.get("AWS_DEFAULT_REGION")
    if not region:
        raise StackError("in which Region is the table? Add `--region`, or `--stack` to take both from a stack.")
    return Account(Provider(engine.environment), region).guarded(account_id, "`--account` says").table(name)
