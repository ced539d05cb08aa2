"""The provider's own configuration: region, credentials, endpoints, roles, account guard and default tags."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.plugin import schema
from localcloud.plugin.checking import Failure, check_types
from localcloud.plugin.errors import ConfigurationError
from localcloud.plugin.types import Object, Scalar
from localcloud.plugin.values import UNKNOWN, Secret, reveal

WHERE = "the aws provider's configuration"

# What this plugin acts on. The rest of the real provider's settings would be silently without effect: refused.
_SUPPORTED = frozenset(
    {
        "accessKey", "allowedAccountIds", "assumeRoles", "defaultTags", "endpoints", "forbiddenAccountIds",
        "maxRetries", "profile", "region", "s3UsePathStyle", "secretKey", "skipCredentialsValidation",
        "skipMetadataApiCheck", "skipRegionValidation", "skipRequestingAccountId", "token",
    }
)  # fmt: skip
_ROLE_SUPPORTED = frozenset(
    {"duration", "externalId", "policy", "policyArns", "roleArn", "sessionName", "sourceIdentity", "tags"}
)


@dataclass(frozen=True)
class Role:
    """A role to assume before the first call; `duration_s` is in seconds."""

    arn: str
    duration_s: int = 3600
    external_id: str | None = None
    session_name: str = "pulumi"
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    source_identity: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The parsed configuration of one provider."""

    region: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    token: str | None = None
    profile: str | None = None
    max_retries: int | None = None
    s3_use_path_style: bool = False
    skip_credentials_validation: bool = False
    skip_requesting_account_id: bool = False
    endpoints: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[Role, ...] = ()
    allowed_account_ids: tuple[str, ...] = ()
    forbidden_account_ids: tuple[str, ...] = ()
    default_tags: Mapping[str, str] = field(default_factory=dict)


def decode_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with their JSON read: the engine sends lists, objects and flags of a provider as JSON text."""
    kind = schema.provider_schema()
    return {
        name: _decode(kind, name, value) for name, value in arguments.items() if name not in ("version", "__internal")
    }


def _decode(kind: Object, name: str, value: Any) -> Any:
    if isinstance(value, Secret):
        return Secret(_decode(kind, name, value.value))
    if not isinstance(value, str) or kind.properties.get(name, Scalar("str")) == Scalar("str"):
        return value
    try:
        return _without_nulls(json.loads(value))
    except ValueError:
        return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def check(arguments: Mapping[str, Any]) -> Iterator[Failure]:
    """What is wrong with decoded arguments."""
    kind = schema.provider_schema()
    yield from check_types(kind, arguments, WHERE)
    for name in sorted((arguments.keys() & kind.properties.keys()) - _SUPPORTED):
        yield Failure(
            name, f"The local stand-in for the aws provider does not act on `{name}`: take it out of {WHERE}."
        )
    values = reveal(dict(arguments))
    if "allowedAccountIds" in values and "forbiddenAccountIds" in values:
        yield Failure(
            "allowedAccountIds", f"{WHERE} has both allowedAccountIds and forbiddenAccountIds: keep one of them."
        )
    if ("accessKey" in values) != ("secretKey" in values):
        yield Failure("secretKey", f"{WHERE} needs accessKey and secretKey together, but has only one of them.")
    for index, role in enumerate(_list(values.get("assumeRoles"))):
        yield from _check_role(index, role)


def _check_role(index: int, role: Any) -> Iterator[Failure]:
    if not isinstance(role, dict):
        return
    path = f"assumeRoles[{index}]"
    if not role.get("roleArn"):
        yield Failure(f"{path}.roleArn", f"{path} of {WHERE} lacks roleArn, the ARN of the role to assume.")
    for name in sorted(role.keys() - _ROLE_SUPPORTED):
        yield Failure(
            f"{path}.{name}", f"The local stand-in for the aws provider does not act on `{path}.{name}`: take it out."
        )
    try:
        duration_seconds(role.get("duration", "1h"))
    except ValueError as error:
        yield Failure(f"{path}.duration", str(error))


def parse(arguments: Mapping[str, Any]) -> Configuration:
    """The configuration from decoded and checked arguments; unknown ones count as not given."""
    given = {name: value for name, value in reveal(dict(arguments)).items() if value is not UNKNOWN}
    return Configuration(
        region=given.get("region"),
        access_key=given.get("accessKey"),
        secret_key=given.get("secretKey"),
        token=given.get("token"),
        profile=given.get("profile"),
        max_retries=given.get("maxRetries"),
        s3_use_path_style=given.get("s3UsePathStyle", False),
        skip_credentials_validation=given.get("skipCredentialsValidation", False),
        skip_requesting_account_id=given.get("skipRequestingAccountId", False),
        endpoints={key: url for block in _list(given.get("endpoints")) for key, url in block.items() if url},
        roles=tuple(_role(role) for role in _list(given.get("assumeRoles"))),
        allowed_account_ids=tuple(given.get("allowedAccountIds", ())),
        forbidden_account_ids=tuple(given.get("forbiddenAccountIds", ())),
        default_tags=given.get("defaultTags", {}).get("tags", {}),
    )


def _role(role: Mapping[str, Any]) -> Role:
    return Role(
        arn=role["roleArn"],
        duration_s=duration_seconds(role.get("duration", "1h")),
        external_id=role.get("externalId"),
        session_name=role.get("sessionName", "pulumi"),
        policy=role.get("policy"),
        policy_arns=tuple(role.get("policyArns", ())),
        source_identity=role.get("sourceIdentity"),
        tags=role.get("tags", {}),
    )


_UNITS_S = {"h": 3600, "m": 60, "s": 1}


def duration_seconds(text: str) -> int:
    """Seconds of a duration such as `1h`, `30m` or `1h15m30s`.

    Raises
    ------
    ConfigurationError
        If the text is no duration, or outside of what AssumeRole takes, 15 minutes to 12 hours
        (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
    """
    if not re.fullmatch(r"(\d+[hms])+", text):
        raise ConfigurationError(
            f"{text!r} is no duration: write hours, minutes and seconds as in `1h`, `30m` or `1h15m`."
        )
    seconds = sum(int(number) * _UNITS_S[unit] for number, unit in re.findall(r"(\d+)([hms])", text))
    if not 900 <= seconds <= 43200:
        raise ConfigurationError(
            f"A role can be assumed for 15m to 12h, not for {text}: choose a duration in that range."
        )
    return seconds


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
