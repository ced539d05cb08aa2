"""Reaches AWS as the stack's `aws` provider does: the `aws:…` settings of a stack as sessions that refresh themselves.

https://www.pulumi.com/registry/packages/aws/api-docs/provider/ lists the settings. What decides who acts and where is
acted upon: keys, profile and files, web identity, roles one after another, Region, endpoints.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import ClientError
from botocore.loaders import Loader, create_loader

from operations.errors import AccountError, StackError

SESSION_NAME = "tributary-operations"
# The provider's names of services, where they differ from botocore's.
ENDPOINT_NAMES = {"stepfunctions": "sfn", "events": "eventbridge"}
CLIENT_SETTINGS = {"useFipsEndpoint": "use_fips_endpoint", "useDualstackEndpoint": "use_dualstack_endpoint"}
# How botocore calls the sources of keys that nobody renews.
STATIC_SOURCES = ("env", "explicit", "shared-credentials-file", "config-file")
# A setting of a key → the variable that says it.
KEYS = {"accessKey": "AWS_ACCESS_KEY_ID", "secretKey": "AWS_SECRET_ACCESS_KEY", "token": "AWS_SESSION_TOKEN"}
_UNITS_S = {"h": 3600, "m": 60, "s": 1}

Request = Mapping[str, Any]
Grant = Callable[[], dict[str, str]]


def _seconds(duration: str) -> int:
    """Seconds of a duration such as `1h` or `1h15m`. Raises StackError."""
    if not re.fullmatch(r"(\d+[hms])+", duration):
        raise StackError(
            f"`aws:assumeRoles` has the duration {duration!r}; write hours, minutes and seconds as in `1h` or `1h15m`."
        )
    return sum(int(number) * _UNITS_S[unit] for number, unit in re.findall(r"(\d+)([hms])", duration))


# A role's setting → what AssumeRole calls it, and how its value is said there.
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
ROLE_SETTINGS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "roleArn": ("RoleArn", str),
    "sessionName": ("RoleSessionName", str),
    "externalId": ("ExternalId", str),
    "duration": ("DurationSeconds", _seconds),
    "policy": ("Policy", str),
    "policyArns": ("PolicyArns", lambda arns: [{"arn": arn} for arn in arns]),
    "sourceIdentity": ("SourceIdentity", str),
    "tags": ("Tags", lambda tags: [{"Key": key, "Value": str(value)} for key, value in tags.items()]),
    "transitiveTagKeys": ("TransitiveTagKeys", list),
}
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
WEB_IDENTITY_SETTINGS = {
    name: ROLE_SETTINGS[name] for name in ("roleArn", "sessionName", "duration", "policy", "policyArns")
}


@dataclass(frozen=True)
class Provider:
    """The `aws:…` settings of a stack, by their names without `aws:`, in an environment of credentials and endpoints.

    Without settings it is whoever the environment names. `stack` is whose settings they are.
    """

    environment: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    stack: str = ""

    def acting_as(self, role_arn: str) -> "Provider":
        """The same, with one role more."""
        return Provider(self.environment, {**self.settings, "assumeRoles": [*self._roles, {"roleArn": role_arn}]})

    def endpoint_url(self, service: str) -> str | None:
        """Where a service answers; None is AWS, or what the profile says."""
        blocks = _list(self.settings.get("endpoints"))
        said = {name: url for block in blocks for name, url in block.items() if url}
        names = (ENDPOINT_NAMES.get(service, service), service)
        return next((said[name] for name in names if name in said), None) or self.environment.get("AWS_ENDPOINT_URL")

    @property
    def client_config(self) -> Config:
        """What the settings say about every client."""
        chosen: dict[str, Any] = {name: self.settings.get(key) for key, name in CLIENT_SETTINGS.items()}
        return Config(**chosen, s3={"addressing_style": "path"} if self.settings.get("s3UsePathStyle") else None)

    def session(self, region: str) -> botocore.session.Session:
        """A session whose credentials refresh themselves where they can.

        Raises AccountError for a role that refuses, and what botocore raises, such as for a profile that is not there.
        """
        current = self._first()
        if web := self.settings.get("assumeRoleWithWebIdentity"):
            current = _assumed(_web_identity(web, self._sts(current, region, Config(signature_version=UNSIGNED))))
        for place, role in enumerate(self._roles):
            try:
                current = _assumed(_role(_request(role, ROLE_SETTINGS), self._sts(current, region)))
            except ClientError as error:
                raise AccountError(self._refused(place, role["roleArn"], error)) from None
        return current

    def _refused(self, place: int, role_arn: str, error: ClientError) -> str:
        external_id = (
            f", and with which external id: `pulumi config set --stack {self.stack} --path "
            f"'aws:assumeRoles[{place}].externalId' …` says another"
        )
        return (
            f"role {role_arn} cannot be assumed: {error}. Its trust policy says by whom it can"
            f"{external_id if self.stack else ''}. Put that right, and type the same command again."
        )

    def warning(self) -> str | None:
        """What to say when whoever acts first has credentials that end and that nobody renews.

        AWS_CREDENTIAL_EXPIRATION is what `aws configure export-credentials --format env` tells with a session token.
        """
        credentials = self._first().get_credentials()
        if credentials is None or not credentials.token or credentials.method not in STATIC_SOURCES:
            return None
        from_environment = credentials.method in ("env", "explicit")
        ends = _time_left(self.environment.get("AWS_CREDENTIAL_EXPIRATION") if from_environment else None)
        return (
            f"these credentials are a session token that cannot be refreshed; {ends}. For more time, name a profile "
            "that renews itself: `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN`, "
            "`export AWS_PROFILE=…`."
        )

    @property
    def _roles(self) -> list[Any]:
        return _list(self.settings.get("assumeRoles"))

    def _first(self) -> botocore.session.Session:
        """Whoever acts before any role is assumed; a profile of the settings goes before keys in the environment."""
        profile = self.settings.get("profile")
        found = _session(profile or self.environment.get("AWS_PROFILE") or None)
        for setting, name, variable in (
            ("sharedConfigFiles", "config_file", "AWS_CONFIG_FILE"),
            ("sharedCredentialsFiles", "credentials_file", "AWS_SHARED_CREDENTIALS_FILE"),
        ):
            if path := next(iter(_list(self.settings.get(setting))), self.environment.get(variable)):
                found.set_config_variable(name, path)
        said: Mapping[str, Any] = self.settings if self.settings.get("accessKey") else {}
        if not said and not profile:
            said = {name: self.environment.get(variable) for name, variable in KEYS.items()}
        if said.get("accessKey"):
            found.set_credentials(said["accessKey"], said.get("secretKey", ""), said.get("token"))
        return found

    def _sts(self, current: botocore.session.Session, region: str, config: Config | None = None) -> Any:
        return current.create_client(
            "sts",
            region_name=str(self.settings.get("stsRegion") or region),
            endpoint_url=self.endpoint_url("sts"),
            config=self.client_config.merge(config or Config()),
        )


def provider_of(stack: str, values: Mapping[str, str], environment: Mapping[str, str]) -> Provider:
    """The `aws:…` settings among what the engine says of a stack: lists and objects arrive as JSON text."""
    settings = {name.removeprefix("aws:"): _read(value) for name, value in values.items() if name.startswith("aws:")}
    return Provider(environment, settings, stack)


def _read(value: str) -> Any:
    """JSON text is read, any other text is itself; so is a number, which may be an account id."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, dict | list | bool) else value


def _role(request: Request, sts: Any) -> Grant:
    return lambda: _granted(sts.assume_role(**{"RoleSessionName": SESSION_NAME, **request}))


def _web_identity(settings: Mapping[str, Any], sts: Any) -> Grant:
    request = {"RoleSessionName": SESSION_NAME, **_request(settings, WEB_IDENTITY_SETTINGS)}

    def grant() -> dict[str, str]:
        # A file is read at each refresh: whoever writes it renews it.
        token = settings.get("webIdentityToken") or Path(settings["webIdentityTokenFile"]).read_text().strip()
        return _granted(sts.assume_role_with_web_identity(**request, WebIdentityToken=token))

    return grant


def _granted(answer: Mapping[str, Any]) -> dict[str, str]:
    granted = answer["Credentials"]
    return {
        "access_key": granted["AccessKeyId"],
        "secret_key": granted["SecretAccessKey"],
        "token": granted["SessionToken"],
        "expiry_time": granted["Expiration"].isoformat(),
    }


def _assumed(grant: Grant) -> botocore.session.Session:
    """A session that assumes a role now, and again shortly before what it was granted ends."""
    assumed = _session()
    credentials = RefreshableCredentials.create_from_metadata(grant(), grant, method="assume-role")
    setattr(assumed, "_credentials", credentials)  # noqa: B010  the public setter takes static keys only
    return assumed


def _session(profile: str | None = None) -> botocore.session.Session:
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _loader())
    return session


@cache
def _loader() -> Loader:
    """What reads the models of services, which takes longer than most calls: every session shares what was read."""
    return create_loader()


def _request(settings: Mapping[str, Any], known: Mapping[str, tuple[str, Callable[[Any], Any]]]) -> Request:
    return {name: say(settings[setting]) for setting, (name, say) in known.items() if settings.get(setting) is not None}


def _time_left(ends_at: str | None) -> str:
    if not ends_at:
        return "when it ends is not known"
    minutes = (datetime.fromisoformat(ends_at) - datetime.now(UTC)).total_seconds() / 60
    return f"it ends in {minutes:.0f} minutes" if minutes > 0 else "it has ended"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
