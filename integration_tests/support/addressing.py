"""The cloud under test and the clients that address it, as one account's administrator or as a role."""

import functools
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.loaders import create_loader

from integration_tests.support.accounts import Accounts, profile_account, random_account

REGION = "us-east-1"

_LOADER = create_loader()


@dataclass
class Cloud:
    """Where the tests run. `target` is local, plain, localstack or aws; `endpoint` is None on AWS.

    `folder` keeps what the deployments of a worker share; `log` is that of a cloud that was started for it. `name` is
    what messages call the target, `lacks` tells whether it does not do something (integration_tests.support.gaps), and
    things take up to `patience` times as long there as on a local cloud.
    """

    target: str
    endpoint: str | None
    folder: Path
    log: Path | None = None
    region: str = REGION
    name: str = ""
    lacks: Callable[[str], bool] = lambda _: False
    patience: float = 1.0
    _profiles: dict[str, str] = field(default_factory=dict)
    _accounts: Accounts = field(init=False)

    def __post_init__(self) -> None:
        another = partial(profile_account, self._profiles) if self.target == "aws" else random_account
        # On LocalStack each account that has a stream costs a process of 90 MB for as long as it runs.
        self._accounts = Accounts(another, reused=self.target in ("localstack", "aws"))

    def __str__(self) -> str:
        name = self.name or self.target
        return f"{name} at {self.endpoint}" if self.endpoint else name

    @property
    def ends_with_the_tests(self) -> bool:
        """Whether it was started for them, so that nobody sees what they leave in it."""
        return self.target in ("local", "plain")

    def many(self, count: int) -> int:
        """So many rows or records, or as many less as things take longer here."""
        return int(count / self.patience)

    def lend_account(self, until: ExitStack) -> str:
        """The id of an account that nobody else uses until the stack closes."""
        return self._accounts.lend(until)

    def session(self, account_id: str) -> boto3.Session:
        """The account's administrator: its profile on AWS, its root elsewhere (a 12-digit access key)."""
        if self.target == "aws":
            return boto3.Session(profile_name=self._profiles[account_id], region_name=self.region)
        return boto3.Session(aws_access_key_id=account_id, aws_secret_access_key="test", region_name=self.region)

    def clients(self, session: boto3.Session, account_id: str) -> "Clients":
        return Clients(session, account_id, self.endpoint, self.region)


class Clients:
    """boto3 clients of one identity as attributes: `clients.kinesis`, `clients.lambda_`.

    `account_id` is the identity's account. Nothing is retried by the SDK, so that a test sees what the cloud answered.
    """

    def __init__(self, session: boto3.Session, account_id: str, endpoint: str | None, region: str) -> None:
        # Reading botocore's service models takes longer than a test; every session of a worker shares what was read.
        session._session.register_component("data_loader", _LOADER)
        self.session = session
        self.account_id = account_id
        self.region = region
        self._endpoint = endpoint

    def client(self, service: str, **config: Any) -> Any:
        """A new client whose botocore Config is given by `config`, e.g. `read_timeout=1`."""
        settings = {
            "retries": {"total_max_attempts": 1},
            "max_pool_connections": 50,
            "s3": {"addressing_style": "path"},
            **config,
        }
        return self.session.client(
            service, endpoint_url=self._endpoint, region_name=self.region, config=Config(**settings)
        )

    @functools.cache  # noqa: B019 - lives as long as the test that made it
    def _cached(self, service: str) -> Any:
        return self.client(service)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._cached(name.rstrip("_").replace("_", "-"))


def credentials_of(session: boto3.Session, region: str, credentials: dict[str, Any]) -> boto3.Session:
    """A session for what AssumeRole returned under `Credentials`."""
    return boto3.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        region_name=region,
    )


def statement(actions: str | Sequence[str], resources: str | Sequence[str] = "*", **rest: Any) -> dict[str, Any]:
    """An allowing IAM statement; `rest` adds or replaces elements (Effect, Condition, Principal, …)."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **rest}
