"""Finds a deployed replica by its stack: tables, function, mapping and bucket, as whoever deploys the stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import yaml
from botocore.config import Config

from components.settings import Peer
from components.table_replica.settings import ReplicaSettings
from operations.engine import Engine
from operations.errors import StackError
from operations.stacks import read
from operations.table_replica.raw import RawDynamoDB
from operations.table_replica.tables import Table

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

SESSION_NAME = "tributary-operations"
# An invocation may take as long as the function's timeout, 900 s at the most; it is not made twice behind our back.
_ONE_LONG_CALL = Config(read_timeout=910, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Replica:
    """A deployed replica. `positions_table` is None unless it is guarded."""

    source: Table
    replica: Table
    positions_table: str | None
    function: str
    mapping_id: str
    failure_bucket: str
    lambda_: "LambdaClient"
    s3: "S3Client"


@dataclass(frozen=True)
class Access:
    """How a session reaches the services: `environment` as a process would have it (credentials, profile, endpoint)."""

    environment: Mapping[str, str]

    @property
    def endpoint_url(self) -> str | None:
        """Where the services are, when not on AWS."""
        return self.environment.get("AWS_ENDPOINT_URL")

    def session(self, region: str, role_arn: str | None = None, profile: str | None = None) -> boto3.Session:
        """The caller's own session, that of a profile, or that of a role which the caller may assume."""
        environment = {} if profile else self.environment
        own = boto3.Session(
            aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
            profile_name=profile or environment.get("AWS_PROFILE"),
            region_name=region,
        )
        if role_arn is None:
            return own
        sts = own.client("sts", endpoint_url=self.endpoint_url)
        granted = sts.assume_role(RoleArn=role_arn, RoleSessionName=SESSION_NAME)["Credentials"]
        return boto3.Session(
            aws_access_key_id=granted["AccessKeyId"],
            aws_secret_access_key=granted["SecretAccessKey"],
            aws_session_token=granted["SessionToken"],
            region_name=region,
        )

    def table(self, session: boto3.Session, region: str, name: str) -> Table:
        """A table, as this session sees it."""
        return Table(RawDynamoDB(session, region, endpoint_url=self.endpoint_url), name)


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
    settings = read(engine.folder, stack)
    name = _instance(stack, instance, settings.architectures)
    architecture = settings.architectures[name]
    assert isinstance(architecture, ReplicaSettings)
    outputs = engine.outputs(stack).get(name)
    if not outputs:
        raise StackError(f"stack `{stack}` is not deployed. Type `tributary up {stack}` first.")
    access = Access(engine.environment)
    region = outputs["region"]
    session = access.session(region, _deployer(engine, stack))
    there = session
    if replica_role or replica_profile:
        there = access.session(outputs["replicaRegion"], replica_role, replica_profile)
    elif isinstance(architecture.replica, Peer):
        there = access.session(outputs["replicaRegion"], _deployer(engine, architecture.replica.stack))
    return Replica(
        source=access.table(session, region, outputs["sourceTableName"]),
        replica=access.table(there, outputs["replicaRegion"], outputs["replicaTableName"]),
        positions_table=outputs["positionsTableName"] or None,
        function=outputs["replicatorName"],
        mapping_id=outputs["mappingIds"]["replicator"]["stream"],
        failure_bucket=outputs["failureBucketName"],
        lambda_=session.client("lambda", endpoint_url=access.endpoint_url, config=_ONE_LONG_CALL),
        s3=session.client("s3", endpoint_url=access.endpoint_url),
    )


def table_of(engine: Engine, stack: str | None, region: str | None, name: str) -> Table:
    """A table of a stack's account and Region, as whoever deploys the stack; without a stack one of the caller's own.

    Raises StackError.
    """
    access = Access(engine.environment)
    if stack is None:
        region = region or engine.environment.get("AWS_REGION") or engine.environment.get("AWS_DEFAULT_REGION")
        if not region:
            raise StackError("in which Region is the table? Add `--region`, or `--stack` to take both from a stack.")
        return access.table(access.session(region), region, name)
    region = region or read(engine.folder, stack).region
    return access.table(access.session(region, _deployer(engine, stack)), region, name)


def _instance(stack: str, wanted: str | None, architectures: Mapping[str, Any]) -> str:
    replicas = [name for name, settings in architectures.items() if isinstance(settings, ReplicaSettings)]
    if wanted in replicas:
        return str(wanted)
    if wanted is None and len(replicas) == 1:
        return replicas[0]
    if not replicas:
        raise StackError(f"stack `{stack}` has no instance of the kind `table-replica`. Name a stack that has one.")
    found = f"`{wanted}` is no table replica of it" if wanted else "it has several"
    raise StackError(f"stack `{stack}`: {found}. Add `--instance` with one of {', '.join(replicas)}.")


def _deployer(engine: Engine, stack: str) -> str | None:
    """The role that a stack is deployed as, when its file names one."""
    config = yaml.safe_load((engine.folder / f"Pulumi.{stack}.yaml").read_text())["config"]
    roles = config.get("aws:assumeRoles") or []
    return roles[0]["roleArn"] if roles else None
