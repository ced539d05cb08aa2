"""Stack files, parsed once into typed settings.

A stack file says under `tributary:architectures` what the account holds: instance name → {kind, settings…}. `parse`
turns that into settings objects or into one SettingsError that lists every mistake as file, key, what was found, what
is allowed and the nearest correct spelling.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from components.errors import SettingsError

ArchitectureName = str

# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
RoleName = Annotated[str, StringConstraints(pattern=r"^[\w+=,.@-]{1,64}$")]
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$")]


class Settings(BaseModel):
    """Base of all settings: camelCase in the file, snake_case in the program, unknown keys refused."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True, str_strip_whitespace=True
    )


class Capacity(Settings):
    """Provisioned throughput of a table or an index, in read and write capacity units."""

    read: int = Field(ge=1)
    write: int = Field(ge=1)


def _form(value: object) -> str:
    """Whether a value is meant as a number of units or as a word: a mistake is told for that form, not for both."""
    return "word" if isinstance(value, str) else "units"


OnDemand = Annotated[Literal["on-demand"], Tag("word")]
Throughput = Annotated[Annotated[Capacity, Tag("units")] | OnDemand, Discriminator(_form)]
ShardCount = Annotated[Annotated[int, Field(ge=1), Tag("units")] | OnDemand, Discriminator(_form)]

# The names of the forms that a value may have: pydantic puts them into the path of a mistake, a stack file does not.
FORMS = {"units", "word", "peer", "literal", "created"}

TIMESTAMP_MEANING = 'it must be a time with its zone, such as "2026-11-22T10:00:00Z"'
# What pydantic's kinds of errors mean for the writer of a stack file.
MEANINGS = {
    "bool_parsing": "it must be true or false",
    "bool_type": "it must be true or false",
    "datetime_from_date_parsing": TIMESTAMP_MEANING,
    "datetime_parsing": TIMESTAMP_MEANING,
    "datetime_type": TIMESTAMP_MEANING,
    "greater_than_equal": "it must be at least {ge}",
    "int_from_float": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_type": "it must be a whole number",
    "less_than_equal": "it must be at most {le}",
    "list_type": "it must be a list",
    "literal_error": "it must be {expected}",
    "missing": "it is required",
    "model_type": "it must be a map",
    "string_pattern_mismatch": "it must match {pattern}",
    "string_too_long": "it must have at most {max_length} characters",
    "string_too_short": "it must have at least {min_length} characters",
    "string_type": "it must be text: put it in quotes",
    "timezone_aware": TIMESTAMP_MEANING,
    "tuple_type": "it must be a list",
}


class FunctionSettings(Settings):
    """A function on a stream. `batch_size` counts records, `memory_mb` is in MiB, the timeout is for one invocation.

    While the far end is away records wait in their shard, until they are `maximum_record_age_seconds` old;
    `maximum_retry_attempts` bounds how often they are tried before, -1 does not. What is over goes to the on-failure
    bucket. A record that can never be applied goes there at once.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    batch_size: int = Field(ge=1, le=10_000)
    timeout_seconds: int = Field(ge=1, le=900)
    memory_mb: int = Field(default=128, ge=128, le=10_240)
    parallelization_factor: int = Field(default=1, ge=1, le=10)
    batching_window_seconds: int = Field(default=0, ge=0, le=300)
    maximum_retry_attempts: int = Field(default=-1, ge=-1, le=10_000)
    maximum_record_age_seconds: int = Field(default=12 * 60 * 60, ge=60, le=604_800)
    log_retention_days: int = Field(default=30, ge=1)


class TableStreamFunctionSettings(FunctionSettings):
    """A function on a table's stream, which keeps records for 24 hours.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    """

    maximum_record_age_seconds: int = Field(default=12 * 60 * 60, ge=60, le=86_400)


class Peer(Settings):
    """The other side as another stack of this project: its outputs are read by a stack reference."""

    stack: str = Field(min_length=1)
    instance: str | None = None


class Architecture(Settings):
    """What every side can say. `deletion_protection: false` lets `pulumi destroy` delete data: for tests."""

    kind: str
    deletion_protection: bool = True
    alarm_topic_arn: str | None = None

    def peers(self) -> Iterable[Peer]:
        """The stacks that must be deployed before this one."""
        return ()


# How Pulumi passes on a time that stands in a stack file without quotes: as Go prints it.
GO_TIME = re.compile(r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)? ([+-]\d\d)(\d\d) \S+$")


def _iso(value: object) -> object:
    """A time as Go prints it in ISO 8601; anything else as it is."""
    return GO_TIME.sub(r"\1T\2\3\4:\5", value) if isinstance(value, str) else value


class KinesisReader(Architecture):
    """What every side says that reads a Kinesis stream.

    `starting_timestamp` is the arrival time of the first record that its mapping reads, the stream's horizon when left
    out; `tributary replay --at` sets it. https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
    """

    starting_timestamp: Annotated[AwareDatetime | None, BeforeValidator(_iso)] = None

    @property
    def starts_at(self) -> str | None:
        """`starting_timestamp` as the mapping has it: in UTC, to the millisecond."""
        if self.starting_timestamp is None:
            return None
        return self.starting_timestamp.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Kinds = Mapping[str, type[Architecture]]


def parse(kinds: Kinds, file: str, found: object) -> dict[ArchitectureName, Architecture]:
    """The settings of every architecture of a stack, by instance name.

    `kinds` maps each `kind` to its settings type, `found` is the value of `tributary:architectures` in `file`.
    Raises SettingsError.
    """
    key = "tributary:architectures"
    if not isinstance(found, Mapping) or not found:
        raise SettingsError(
            f"{file}: `{key}` is {_shown(found)}; it must be a map from an instance name to `{{kind: …}}`. "
            f"The kinds are "
            f"{', '.join(sorted(kinds))}. docs/configuration.md has one example of each."
        )
    parsed: dict[ArchitectureName, Architecture] = {}
    mistakes: list[str] = []
    for name, value in found.items():
        try:
            parsed[name] = _one(kinds, f"{key}.{name}", value)
        except SettingsError as wrong:
            mistakes.append(str(wrong))
    if mistakes:
        raise SettingsError("\n".join(f"{file}: {mistake}" for mistake in "\n".join(mistakes).splitlines()))
    return parsed


def allowed_account(file: str, found: object) -> str:
    """The one account a stack may be deployed to, from `aws:allowedAccountIds`. Raises SettingsError."""
    if not (isinstance(found, list) and len(found) == 1 and re.fullmatch(r"\d{12}", str(found[0]))):
        raise SettingsError(
            f"{file}: `aws:allowedAccountIds` is {_shown(found)}; it must be a list of one 12-digit account ID in "
            'quotes, such as ["111111111111"]. It keeps the stack from being deployed to a wrong account.'
        )
    return str(found[0])


def _one(kinds: Kinds, key: str, value: object) -> Architecture:
    if not isinstance(value, Mapping):
        raise SettingsError(f"`{key}` is {_shown(value)}; it must be a map with at least `kind`.")
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise SettingsError(
            f"`{key}.kind` is {_shown(kind)}; it must be one of {', '.join(sorted(kinds))}.{_nearest(str(kind), kinds)}"
        )
    try:
        return kinds[kind].model_validate(value)
    except ValidationError as invalid:
        raise SettingsError("\n".join(_mistake(kinds[kind], key, error) for error in invalid.errors())) from None


def _mistake(model: type[Settings], key: str, error: Any) -> str:
    """One of pydantic's errors as an instruction."""
    location = [str(step) for step in error["loc"] if step not in FORMS]
    where = ".".join([key, *location])
    if error["type"] == "extra_forbidden":
        allowed = _fields_at(model, location[:-1])
        return (
            f"`{where}` is not a setting.{_nearest(location[-1], allowed)} Allowed here: {', '.join(sorted(allowed))}."
        )
    found = None if error["type"] == "missing" else error["input"]
    meaning = MEANINGS.get(error["type"], error["msg"].removeprefix("Value error, ")).format(**error.get("ctx", {}))
    return f"`{where}` is {_shown(found)}; {meaning}."


def _fields_at(model: type[BaseModel], path: Iterable[str]) -> list[str]:
    """The keys that a file may have at `path`."""
    models = [model]
    for step in path:
        models = [
            part
            for candidate in models
            for field in candidate.model_fields.values()
            if field.alias == step
            for part in _models_in(field.annotation)
        ]
    return [field.alias or name for candidate in models for name, field in candidate.model_fields.items()]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def _nearest(word: str, allowed: Iterable[str]) -> str:
    close = get_close_matches(word, list(allowed), n=1, cutoff=0.6)
    return f" Did you mean `{close[0]}`?" if close else ""


def _shown(value: object) -> str:
    return "missing" if value is None else f"{value!r}"
