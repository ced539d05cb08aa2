"""What a stack file may say about the fan-out platform and its receivers, and what holds when it says nothing."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from components.arns import arn
from components.fan_out.rows import elsewhere, named_for, wrong_row
from components.fan_out.services import SERVICES
from components.naming import PhysicalName
from components.network_settings import ExistingNetwork, NewNetwork, network_form
from components.quotas import registered_fit
from components.settings import (
    FunctionSettings,
    KeyArn,
    KinesisReader,
    Peer,
    RetentionDays,
    RoleName,
    Settings,
    ShardCount,
)

SOURCE = FunctionSettings(name="fanout", batch_size=500, timeout_seconds=120, memory_mb=512)
# A table's stream keeps its records so long.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
TABLE_STREAM_S = 24 * 60 * 60

SourceArn = Annotated[
    str, *arn("(kinesis|dynamodb)", r"(stream/[^/]+(/consumer/[^/]+)?|table/[^/]+/stream/.+)", here=True)
]
# As long as the ARN of a stream of the stack without its name, and as that of a receiver's role.
OWN_STREAM, OWN_ROLE = "arn:aws-us-gov:kinesis:ap-southeast-1:444444444444:stream/", "r" * 95
# What a receiver's stack says of its target.
RECEIVERS_OPTIONS = ("destination", "externalId", "region", "role", "type")
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]


def _reached(pattern: str) -> str:
    """An ARN, in which `*` stands for anything but the service and the account."""
    found = re.fullmatch(r"arn:aws[a-z-]*:([a-z0-9-]+):([a-z0-9*-]+):(\d{12}):(.+)", pattern)
    if found is None:
        raise ValueError(
            "it must be an ARN with its account, such as arn:aws:sqs:eu-west-1:111111111111:orders-*; `*` may stand in "
            "the Region and in the name"
        )
    if found[1] not in SERVICES:
        raise ValueError(f"it must be of a service that records are sent to: {', '.join(SERVICES)}")
    if not found[4].strip("*"):
        raise ValueError("it must name something, or how names begin: everything of an account is too much")
    return pattern


Reached = Annotated[str, AfterValidator(_reached)]
Assumed = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[^*].*$")]


class NewStream(Settings):
    """A stream of this stack that has the name of its key, after the instance's `namePrefix`."""

    shard_count: ShardCount = 1
    # https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html
    retention_hours: int = Field(default=24, ge=24, le=8760)


class NewSource(NewStream):
    """A stream of this stack that the function reads."""

    enhanced_fan_out: bool = False
    hook: bool = True


class ExistingSource(Settings):
    """A stream, a consumer of one or a table's stream; `key_arn` is the customer key of stream or table."""

    arn: SourceArn
    key_arn: KeyArn | None = None
    hook: bool = True

    @property
    def stream_arn(self) -> str:
        """The ARN of the stream, under which the mapping table has its rows."""
        return self.arn.partition("/consumer/")[0]

    @property
    def of_table(self) -> bool:
        """Whether it is a table's stream."""
        return self.arn.split(":")[2] == "dynamodb"


def _source_form(value: object) -> str:
    existing = isinstance(value, ExistingSource) or (isinstance(value, dict) and "arn" in value)
    return "literal" if existing else "created"


Source = Annotated[
    Annotated[NewSource, Tag("created")] | Annotated[ExistingSource, Tag("literal")], Discriminator(_source_form)
]


class DeclaredTarget(Settings):
    """A row of the mapping table that the stack file makes: `source` is a key of `sources`.

    Every other option is the row's own, as the mapping table has it. With `receiver` the other account's stack says
    type, destination, Region, role and external id.
    """

    model_config = ConfigDict(extra="allow")

    source: str
    receiver: Peer | None = None
    active: bool = True

    @property
    def options(self) -> Mapping[str, Any]:
        """What the row says beside its source and its id."""
        return {**(self.model_extra or {}), "active": self.active}


class NetworkOfCaches(NewNetwork):
    """A network of this stack, into which caches are put; `services` are those that are sent to through roles of other
    accounts, which the stack file does not tell otherwise."""

    services: tuple[Literal["firehose", "kinesis", "lambda", "sns", "sqs"], ...] = ()


Network = Annotated[
    Annotated[NetworkOfCaches, Tag("created")] | Annotated[ExistingNetwork, Tag("literal")],
    Discriminator(network_form),
]


class Drainer(Settings):
    """The function that works off what targets did not take; it is named after the one on the sources."""

    memory_mb: int = Field(default=512, ge=128, le=10_240)
    timeout_seconds: int = Field(default=900, ge=60, le=900)
    role_name: RoleName = "fanout-drainer-role"
    log_retention_days: RetentionDays = 30


class PlatformSettings(KinesisReader):
    """The account whose function delivers.

    The role sends to what `targets` and `target_streams` name, and beyond that to what matches `reaches`; it assumes
    the roles of declared targets, and beyond that what matches `assumes`. `key_arns` are customer keys of what is sent
    to.
    """

    kind: Literal["fan-out/platform"]
    function: FunctionSettings = SOURCE
    role_name: RoleName = "fanout-role"
    drainer: Drainer = Drainer()
    # For how long an invocation tries a target before what is left goes to its backlog.
    patience_seconds: int = Field(default=2, ge=1, le=60)
    sources: dict[Label, Source] = Field(min_length=1)
    target_streams: dict[Label, NewStream] = Field(default_factory=dict)
    targets: dict[Label, DeclaredTarget] = Field(default_factory=dict)
    reaches: tuple[Reached, ...] = ()
    assumes: tuple[Assumed, ...] = ()
    key_arns: tuple[KeyArn, ...] = ()
    network: Network | None = None
    # What is in a backlog so long is deleted, also of a target that is not active: longer than any `retrySeconds`.
    backlog_days: int = Field(default=30, ge=15, le=3650)
    # How old a backlog may be before its alarm goes on.
    behind_alarm_seconds: int = Field(default=900, ge=60, le=86_400)

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        for name, target in self.targets.items():
            if target.source not in self.sources:
                known = ", ".join(self.sources)
                raise ValueError(f"`targets.{name}.source` is {target.source!r}; it must be one of `sources`: {known}")
            if target.receiver is not None and (said := [one for one in RECEIVERS_OPTIONS if one in target.options]):
                raise ValueError(
                    f"`targets.{name}` has a `receiver`, whose stack says `{'`, `'.join(said)}`: leave that out here"
                )
            if wrong := wrong_row(name, target.receiver is not None, target.options, self.network):
                raise ValueError(wrong)
        if not registered_fit(self._registered()):
            raise ValueError(
                "its roles would have to name more than a role's policies can say: name several by one pattern in "
                "`reaches` and `assumes`, or make a second platform for some of the targets"
            )
        of_tables = [
            name for name, source in self.sources.items() if isinstance(source, ExistingSource) and source.of_table
        ]
        if of_tables and self.function.maximum_record_age_seconds > TABLE_STREAM_S:
            raise ValueError(
                f"`function.maximumRecordAgeSeconds` is {self.function.maximum_record_age_seconds}; `{of_tables[0]}` "
                f"of `sources` is a table's stream, which keeps records for {TABLE_STREAM_S} seconds"
            )
        return self

    def _registered(self) -> Iterable[str]:
        """What the roles name: ARNs, or as many characters as they have at the most."""
        for name, source in self.sources.items():
            yield from (
                (source.arn, source.key_arn or "") if isinstance(source, ExistingSource) else (OWN_STREAM + name,)
            )
        yield from (OWN_STREAM + name for name in self.target_streams)
        yield from (*self.reaches, *self.assumes, *self.key_arns)
        for name, target in self.targets.items():
            yield OWN_ROLE if target.receiver else named_for(name, target.options)

    @property
    def drainer_name(self) -> str:
        """The name of the function that drains."""
        return f"{self.function.name}-drainer"

    @property
    def targets_table(self) -> str:
        """The name of the mapping table."""
        return f"{self.function.name}Targets"

    @property
    def lanes_table(self) -> str:
        """The name of the table of lanes and of what is in backlogs."""
        return f"{self.function.name}Lanes"

    def misplaced(self, account_id: str) -> Iterable[str]:
        for name, target in self.targets.items():
            arn = None if target.receiver else elsewhere(name, target.options, account_id)
            if arn is not None and not any(fnmatchcase(arn, pattern) for pattern in self.reaches):
                yield (
                    f"targets.{name}` is {arn}, of another account: name a role of that account in its `role`, which "
                    "kind fan-out/receiver makes; or, where its own policy lets this account's roles in, put the ARN "
                    "into `reaches`."
                )

    def peers(self) -> Iterable[Peer]:
        return tuple(target.receiver for target in self.targets.values() if target.receiver is not None)

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        yield self.from_instance("bucket", instance, after="-failures-bucket", automatic=True)
        function = self.function.name
        yield PhysicalName(what="function", key="function.name", value=function, after="-drainer")
        for after in ("Targets", "Lanes"):
            yield PhysicalName(what="table", key="function.name", value=function, after=after)
        made = {name: one for name, one in self.sources.items() if isinstance(one, NewSource)}
        for setting, streams in (("sources", made), ("targetStreams", self.target_streams)):
            for name in streams:
                value = f"{self.name_prefix}{name}"
                yield PhysicalName(what="stream", key=f"{setting}.{name}", value=value)
