"""One provider's view of AWS: credentials, roles, endpoints, the account it reaches, and cached clients.

The clients are botocore's: boto3 adds nothing that is used here, and a tenth of a second to every start.
"""

import datetime
import functools
import os
import threading
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from localcloud.plugin.configuration import Configuration, Role
from localcloud.plugin.errors import ConfigurationError, WrongAccountError
from localcloud.plugin.models import loader

# The provider's `endpoints` have their own names for services: where they differ from botocore's, tried in turn.
_ENDPOINT_KEYS = {
    "events": ("events", "eventbridge", "cloudwatchevents"),
    "logs": ("logs", "cloudwatchlogs", "cloudwatchlog"),
    "opensearch": ("opensearch", "opensearchservice"),
    "stepfunctions": ("sfn", "stepfunctions"),
    "s3": ("s3", "s3api"),
}

# Enough for the engine's own parallelism, so that no call waits for a connection.
_CONNECTIONS = 64
_ATTEMPTS = 5


class Cloud:
    """Clients for one account, thread-safe."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._session = self._first_session()
        # The real provider reads AWS_REGION as well; botocore only AWS_DEFAULT_REGION and the profile.
        self.region = (
            configuration.region or os.environ.get("AWS_REGION") or self._session.get_config_variable("region")
        )
        if not self.region:
            raise ConfigurationError(
                "The aws provider has no region. Set it in the stack file with `pulumi config set aws:region "
                "us-east-1`, or set AWS_REGION, and deploy again."
            )
        for role in configuration.roles:
            self._session = self._assumed(role)
            self._clients.clear()

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of a service, in the provider's region unless another is named."""
        key = (service, region or self.region)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._session.create_client(
                    service, region_name=key[1], endpoint_url=self._endpoint(service), config=self._config(service)
                )
            return self._clients[key]

    @functools.cached_property
    def identity(self) -> dict[str, str]:
        """`Account`, `Arn` and `UserId` of the credentials.

        Raises
        ------
        ConfigurationError
            If the endpoint cannot be reached, or refuses the credentials.
        """
        try:
            answer = self.client("sts").get_caller_identity()
        except (ClientError, BotoCoreError) as error:
            raise ConfigurationError(self._unreachable(error)) from error
        return {key: answer[key] for key in ("Account", "Arn", "UserId")}

    @property
    def account(self) -> str:
        """The number of the account that is deployed to."""
        return self.identity["Account"]

    @property
    def partition(self) -> str:
        """`aws`, `aws-cn` or `aws-us-gov`."""
        return str(self._session.get_partition_for_region(self.region))

    def guard(self) -> None:
        """Refuse an account that the stack excludes.

        Raises
        ------
        WrongAccountError
            If the credentials are for such an account.
        """
        allowed, forbidden = self.configuration.allowed_account_ids, self.configuration.forbidden_account_ids
        if (allowed and self.account not in allowed) or self.account in forbidden:
            stack = f"for account {' or '.join(allowed)}" if allowed else f"not for account {', '.join(forbidden)}"
            raise WrongAccountError(
                f"This stack is {stack}, but these credentials ({self.identity['Arn']}) are for account "
                f"{self.account}; nothing was deployed. Use the profile, keys or role of the right account, or correct "
                "aws:allowedAccountIds in the stack file, and run the same command again."
            )

    def _first_session(self) -> botocore.session.Session:
        given = self.configuration
        session = _new_session(given.profile)
        if given.access_key and given.secret_key:
            session.set_credentials(given.access_key, given.secret_key, given.token)
        return session

    def _assumed(self, role: Role) -> botocore.session.Session:
        sts = self.client("sts")
        credentials = RefreshableCredentials.create_from_metadata(
            metadata=self._assume(sts, role), refresh_using=lambda: self._assume(sts, role), method="sts-assume-role"
        )
        session = _new_session(None)
        setattr(session, "_credentials", credentials)  # noqa: B010 -- the public setter takes static keys only
        return session

    def _assume(self, sts: Any, role: Role) -> dict[str, str]:
        request = {
            "RoleArn": role.arn,
            "RoleSessionName": role.session_name,
            "DurationSeconds": role.duration_s,
            "ExternalId": role.external_id,
            "Policy": role.policy,
            "PolicyArns": [{"arn": arn} for arn in role.policy_arns],
            "SourceIdentity": role.source_identity,
            "Tags": [{"Key": key, "Value": value} for key, value in role.tags.items()],
        }
        try:
            answer = sts.assume_role(**{key: value for key, value in request.items() if value})["Credentials"]
        except (ClientError, BotoCoreError) as error:
            raise ConfigurationError(f"The role {role.arn} could not be assumed. {self._unreachable(error)}") from error
        expiry: datetime.datetime = answer["Expiration"]
        return {
            "access_key": answer["AccessKeyId"],
            "secret_key": answer["SecretAccessKey"],
            "token": answer["SessionToken"],
            "expiry_time": expiry.isoformat(),
        }

    def _endpoint(self, service: str) -> str | None:
        keys = _ENDPOINT_KEYS.get(service, (service,))
        return next((url for key in keys if (url := self.configuration.endpoints.get(key))), None)

    def _config(self, service: str) -> Config:
        # "The maximum number of times an AWS API request is being executed", the first one included:
        # https://www.pulumi.com/registry/packages/aws/api-docs/provider/
        attempts = self.configuration.max_retries
        return Config(
            max_pool_connections=_CONNECTIONS,
            connect_timeout=5,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS if attempts is None else max(attempts, 1)},
            s3={"addressing_style": "path"} if self.configuration.s3_use_path_style else None,
        )

    def _unreachable(self, error: Exception) -> str:
        if isinstance(error, EndpointConnectionError):
            return (
                f"No AWS endpoint answers: {error} Start the local cloud with `tributary local start`, or unset "
                "AWS_ENDPOINT_URL to reach AWS itself, and run the same command again."
            )
        return (
            f"AWS refused the credentials: {error}. Check AWS_PROFILE or the keys that you use, and the trust policy "
            "of the role, and run the same command again."
        )


def _new_session(profile: str | None) -> botocore.session.Session:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", loader())
    return session
