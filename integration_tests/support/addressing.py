"""The cloud under test and the clients that address it, as one account's administrator or as a role."""

import functools
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.loaders import create_loader

REGION = "us-east-1"

_LOADER = create_loader()

# Comma-separated AWS profiles, one for each account that a test may ask for with `--target aws`.
PROFILES_VARIABLE = "TRIBUTARY_TEST_PROFILES"


@dataclass
class Cloud:
    """Where the tests run. `target` is local, plain, localstack or aws; `endpoint` is None on AWS."""

    target: str
    endpoint: str | None
    log: Path | None = None
    region: str = REGION
    _profiles_of: dict[str, str] = field(default_factory=dict)

    def new_account(self) -> str:
        """A random account id that nobody uses; on AWS the account of the next unused profile, else a skip."""
        if self.target != "aws":
            return f"{random.SystemRandom().randrange(10**11, 10**12)}"
        profiles = [name for name in os.environ.get(PROFILES_VARIABLE, "").split(",") if name]
        for profile in profiles:
            if profile not in self._profiles_of.values():
                account_id = boto3.Session(profile_name=profile).client("sts").get_caller_identity()["Account"]
                self._profiles_of[account_id] = profile
                return account_id
        return pytest.skip(f"needs one more AWS account: name a profile for each in {PROFILES_VARIABLE}")

    def release_accounts(self) -> None:
        """Let the next test have the AWS accounts of this one."""
        self._profiles_of.clear()

    def session(self, account_id: str) -> boto3.Session:
        """The account's administrator: its profile on AWS, its root elsewhere (a 12-digit access key)."""
        if self.target == "aws":
            return boto3.Session(profile_name=self._profiles_of[account_id], region_name=self.region)
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
