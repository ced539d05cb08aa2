"""The words of stack files that several architectures use, as typed settings; `stack_files` reads the files."""

import re
from collections.abc import Iterable
from datetime import UTC
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic.alias_generators import to_camel

from components.arns import arn
from components.naming import NamedByTheOtherSide, Names, PhysicalName, What, declared_names
from components.regions import unknown_region

# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
# Names that the instance gives; what AWS takes as such is in `naming.RULES`.
FunctionName = Annotated[str, Names("function")]
RoleName = Annotated[str, Names("role")]
TableName = Annotated[str, Names("table")]
StreamName = Annotated[str, Names("stream")]
DeliveryStreamName = Annotated[str, Names("delivery stream")]
BucketName = Annotated[str | None, Names("bucket")]
# Names that the other side gives.
TheirRoleName = Annotated[str, StringConstraints(pattern=r"^[\w+=,.@-]{1,64}$"), NamedByTheOtherSide()]
TheirTableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{3,255}$")]
RoleArn = Annotated[str, *arn("iam", r"role/.+", region="")]
# What a function's variables may have together.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
VARIABLES_BYTES = 4096
# https://docs.aws.amazon.com/lambda/latest/api/API_Environment.html
VariableName = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]+$")]
TopicArn = Annotated[str, *arn("sns", r"[\w-]+(\.fifo)?", here=True)]
KeyArn = Annotated[str, *arn("kms", "key/.+", here=True)]


def _region(name: str) -> str:
    if wrong := unknown_region(name):
        raise ValueError(wrong)
    return name


def _tag_key(key: str) -> str:
    if key.lower().startswith("aws:"):
        raise ValueError("a tag whose key begins with `aws:` is AWS's own; use another key")
    return key


Region = Annotated[str, AfterValidator(_region)]
# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
TagKey = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_tag_key)]
Tags = Annotated[dict[TagKey, Annotated[str, StringConstraints(max_length=256)]], Field(max_length=50)]


class Settings(BaseModel):
    """Base of all settings: camelCase in the file, snake_case in the program, unknown keys refused.

    A validator is built when a stack has the kind: those of all kinds take a tenth of a deployment's start.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        str_strip_whitespace=True,
        defer_build=True,
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

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip


def _retention(days: int) -> int:
    if days not in RETENTION_DAYS:
        nearest = min(RETENTION_DAYS, key=lambda allowed: abs(allowed - days))
        raise ValueError(f"it must be one of {', '.join(map(str, RETENTION_DAYS))}; the nearest is {nearest}")
    return days


RetentionDays = Annotated[int, AfterValidator(_retention)]


class FunctionSettings(Settings):
    """A function on a stream. `batch_size` counts records, `memory_mb` is in MiB, the timeout is for one invocation.

    While the far end is away records wait in their shard, until they are `maximum_record_age_seconds` old;
    `maximum_retry_attempts` bounds how often they are tried before, -1 does not. What is over goes to the on-failure
    bucket. A record that can never be applied goes there at once.
    """

    name: FunctionName
    # https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    batch_size: int = Field(ge=1, le=10_000)
    timeout_seconds: int = Field(ge=1, le=900)
    memory_mb: int = Field(default=128, ge=128, le=10_240)
    parallelization_factor: int = Field(default=1, ge=1, le=10)
    batching_window_seconds: int = Field(default=0, ge=0, le=300)
    maximum_retry_attempts: int = Field(default=-1, ge=-1, le=10_000)
    maximum_record_age_seconds: int = Field(default=12 * 60 * 60, ge=60, le=604_800)
    log_retention_days: RetentionDays = 30


class TableStreamFunctionSettings(FunctionSettings):
    """A function on a table's stream, which keeps records for 24 hours.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    """

    maximum_record_age_seconds: int = Field(default=12 * 60 * 60, ge=60, le=86_400)


class OwnHandler(Settings):
    """A user's own code: a folder beside the stack file, and the entry point in it, such as `main.handler`."""

    folder: str
    entry: str = Field(pattern=r"^[\w.]+\.\w+$")
    environment: dict[VariableName, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _variables_fit(self) -> Self:
        size_bytes = sum(len(name.encode()) + len(value.encode()) for name, value in self.environment.items())
        if size_bytes > VARIABLES_BYTES:
            raise ValueError(f"its `environment` has {size_bytes} bytes; a function's variables have {VARIABLES_BYTES}")
        return self


class Peer(Settings):
    """The other side as another stack of this project: its outputs are read by a stack reference.

    Its `instance` there is the one with the same name as here, unless the stack file says another.
    """

    stack: str = Field(min_length=1)
    instance: str | None = None


class Architecture(Settings):
    """What every side can say.

    `deletion_protection: false` lets `pulumi destroy` delete data: for tests. `name_prefix` is put before every name
    that the instance gives, so that one architecture can be deployed twice in an account.
    """

    kind: str
    name_prefix: str = Field(default="", pattern=r"^([a-z][a-z0-9-]{0,19})?$")
    deletion_protection: bool = True
    alarm_topic_arn: TopicArn | None = None

    def peers(self) -> Iterable[Peer]:
        """The stacks that must be deployed before this one."""
        return ()

    def misplaced(self, account_id: str) -> Iterable[str]:
        """What cannot be used from the account that the stack is deployed to, each from the instance on."""
        return ()

    def beside(self, other: "Architecture", where: str) -> Iterable[str]:
        """What cannot be as it is beside another instance, each from the instance on; `where` names the other one."""
        return ()

    def component_name(self, instance: str) -> str:
        """The name of the instance's component, of which Pulumi's logical names and many physical ones are made."""
        return f"{self.name_prefix}{instance}"

    def names(self, instance: str) -> list[PhysicalName]:
        """Every name that the instance gives to something in AWS; the settings have their prefix already."""
        return [
            self.from_instance("instance", instance, within="the stack"),
            self.key_alias_name(instance),
            self.from_instance("dashboard", instance, before="tributary-"),
            *declared_names(self),
            *self.derived_names(instance),
        ]

    def key_alias_name(self, instance: str) -> PhysicalName:
        """The alias of the instance's key."""
        return self.from_instance("key alias", instance, before="alias/tributary/")

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        """The names that a kind makes of its settings or of the instance's name."""
        return ()

    def from_instance(
        self, what: What, instance: str, *, before: str = "", after: str = "", within: str = "", automatic: bool = False
    ) -> PhysicalName:
        """A name that is made of the instance's."""
        return PhysicalName(
            what=what,
            key="",
            value=self.component_name(instance),
            before=before,
            after=after,
            within=within,
            automatic=automatic,
        )


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
        """`starting_timestamp` as the mapping has it: in UTC and whole seconds.

        AWS tells it without fractions, and the provider would make the mapping anew for the difference:
        https://github.com/hashicorp/terraform-provider-aws/issues/20087
        """
        if self.starting_timestamp is None:
            return None
        return self.starting_timestamp.astimezone(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
