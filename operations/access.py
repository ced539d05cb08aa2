"""How operations reach what a stack deployed: which instance, its outputs, and a session of whoever deploys it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import yaml

from components.kinds import KINDS
from components.settings import Architecture
from operations.engine import Engine
from operations.errors import EngineError, StackError
from operations.instruments.raw import RawDynamoDB
from operations.instruments.tables import Table
from operations.stacks import Stack

SESSION_NAME = "tributary-operations"


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


def instance_of(stack: Stack, wanted: str | None, kinds: tuple[type[Architecture], ...]) -> str:
    """The stack's instance of one of these kinds; `wanted` is needed when there are several. Raises StackError."""
    found = [name for name, settings in stack.architectures.items() if isinstance(settings, kinds)]
    if wanted in found:
        return str(wanted)
    if wanted is None and len(found) == 1:
        return found[0]
    names = " or ".join(f"`{name}`" for name, settings in KINDS.items() if issubclass(settings, kinds))
    if not found:
        raise StackError(f"stack `{stack.name}` has no instance of the kind {names}. Name a stack that has one.")
    wrong = f"`{wanted}` is no instance of the kind {names}" if wanted else "it has several"
    raise StackError(f"stack `{stack.name}`: {wrong}. Add `--instance` with one of {', '.join(found)}.")


def outputs_of(engine: Engine, stack: str, instance: str) -> dict[str, Any]:
    """What a deployed instance exports. Raises StackError when it is not deployed."""
    try:
        outputs: dict[str, Any] = engine.outputs(stack).get(instance, {})
    except EngineError as error:
        if "no stack named" not in str(error):
            raise
        outputs = {}
    if not outputs:
        raise StackError(f"stack `{stack}` is not deployed. Type `tributary up {stack}` first.")
    return outputs


def deployer(engine: Engine, stack: str) -> str | None:
    """The role that a stack is deployed as, when its file names one."""
    config = yaml.safe_load((engine.folder / f"Pulumi.{stack}.yaml").read_text())["config"]
    roles = config.get("aws:assumeRoles") or []
    return roles[0]["roleArn"] if roles else None
