"""The one way from operations to an account: as whoever deploys its stack, after a look at which account that is.

Nothing is read or written with an identity whose account is not the one that the stack is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from components.kinds import KINDS
from components.settings import Architecture
from operations.engine import Engine
from operations.errors import AccountError, EngineError, StackError
from operations.instruments.raw import RawDynamoDB
from operations.instruments.tables import Table
from operations.provider import Provider, provider_of
from operations.stacks import Stack


@dataclass(frozen=True)
class Account:
    """An AWS account in one Region, as one identity reaches it. Everything that it makes refreshes its credentials."""

    provider: Provider
    region: str

    @cached_property
    def session(self) -> boto3.Session:
        """Raises AccountError for a role that refuses, and what botocore raises: for a profile that is not there."""
        return boto3.Session(botocore_session=self.provider.session(self.region), region_name=self.region)

    @cached_property
    def identity(self) -> Mapping[str, str]:
        """`Account` and `Arn` of whoever acts here. Raises AccountError when nobody answers, or it is refused."""
        endpoint = self.provider.endpoint_url("sts")
        try:
            answer = self.session.client("sts", endpoint_url=endpoint).get_caller_identity()
        except EndpointConnectionError as error:
            raise AccountError(
                f"{error} If AWS itself is meant, `unset AWS_ENDPOINT_URL`; if a local cloud, `tributary local status` "
                "lists those that run, and `make shell` starts one."
            ) from None
        except ClientError as error:
            raise AccountError(
                f"{endpoint or 'AWS'} refuses these credentials: {error}. `export AWS_PROFILE=…` with a profile that "
                "it takes, or renew the keys in the environment, and type the same command again."
            ) from None
        return {"Account": answer["Account"], "Arn": answer["Arn"]}

    def client(self, service: str, config: Config | None = None) -> Any:
        """A client of a service."""
        return self.session.client(  # type: ignore[call-overload]  # any service
            service,
            endpoint_url=self.provider.endpoint_url(service),
            config=self.provider.client_config.merge(config or Config()),
        )

    def table(self, name: str) -> Table:
        """A table of this account and Region."""
        endpoint = self.provider.endpoint_url("dynamodb")
        return Table(RawDynamoDB(self.session, self.region, endpoint_url=endpoint), name)

    def guarded(self, account_id: str, whose: str) -> "Account":
        """This account, when it is the one with this id; `whose` says what that is for, and where it says so.

        Says at the first use when its credentials will end. Raises AccountError.
        """
        found = self.identity
        if found["Account"] != account_id:
            endpoint = self.provider.environment.get("AWS_ENDPOINT_URL")
            where = f" AWS_ENDPOINT_URL is {endpoint}: `unset` it if AWS itself is meant." if endpoint else ""
            raise AccountError(
                f"{whose} account {account_id}, but these credentials ({found['Arn']}) are for account "
                f"{found['Account']}; nothing was read or written. `export AWS_PROFILE=…` with a profile of account "
                f"{account_id}, or name a role there, and type the same command again.{where}"
            )
        if warning := self.provider.warning():
            _tell_once(warning)
        return self


@cache
def _tell_once(warning: str) -> None:
    typer.echo(f"note: {warning}", err=True)


def account_of(
    engine: Engine, stack: Stack, outputs: Mapping[str, Any] | None = None, region: str | None = None
) -> Account:
    """A stack's account, as whoever deploys the stack; `outputs` are what the instance exports.

    Raises AccountError when the identity's account is not the stack's, or the outputs are of another account.
    """
    found = Account(provider_of(stack.name, stack.provider, engine.environment), region or stack.region)
    found.guarded(stack.account_id, f"stack `{stack.name}` is, by `aws:allowedAccountIds` in {stack.file}, for")
    there = accounts_in(outputs or {})
    if there and stack.account_id not in there:
        raise AccountError(
            f"stack `{stack.name}` was deployed into account {' or '.join(sorted(there))}, but {stack.file} and these "
            f"credentials ({found.identity['Arn']}) are for account {stack.account_id}; nothing was read or written. "
            f"Put `aws:allowedAccountIds` right, or type `tributary up {stack.name}` to deploy it there."
        )
    return found


def accounts_in(outputs: Any) -> set[str]:
    """The accounts in the ARNs of an instance's outputs."""
    if isinstance(outputs, Mapping):
        return set().union(*(accounts_in(value) for value in outputs.values()))
    if isinstance(outputs, str) and outputs.startswith("arn:"):
        return {part for part in outputs.split(":")[4:5] if part}
    return set()


@dataclass(frozen=True)
class Far:
    """How to reach a far end whose own stack does not say: a role that the caller may assume, or a profile."""

    role: str | None = None
    profile: str | None = None

    @property
    def given(self) -> bool:
        """Whether anything is said."""
        return bool(self.role or self.profile)

    def account(self, engine: Engine, near: str, region: str, account_id: str) -> Account:
        """The account of the far end of the stack `near`, whose id is known. Raises AccountError."""
        provider = Provider(engine.environment, {"profile": self.profile} if self.profile else {})
        if self.role:
            provider = provider.acting_as(self.role)
        return Account(provider, region).guarded(account_id, f"the far end of stack `{near}` is in")


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
