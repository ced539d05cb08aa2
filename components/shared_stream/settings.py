"""What a stack file may say about the two sides of a shared stream, and what holds when it says nothing."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from components.arns import arn
from components.naming import PhysicalName
from components.settings import (
    AccountId,
    Architecture,
    FunctionSettings,
    KeyArn,
    KinesisReader,
    OwnHandler,
    Peer,
    RoleName,
    Settings,
    ShardCount,
    StreamName,
    TheirRoleName,
)

StreamArn = Annotated[str, *arn("kinesis", "stream/[^/]+", here=True)]
ConsumerArn = Annotated[str, *arn("kinesis", "stream/[^/]+/consumer/[^/]+", here=True)]

CONSUMER = FunctionSettings(name="kds-cross-account-stream-efo-consumer", batch_size=100, timeout_seconds=60)
CONSUMER_ROLE = "kds-cross-account-stream-efo-consumer-role"


class Subscriber(Settings):
    """A role of another account that may read. It need not exist yet.

    `enhanced_fan_out` gives it a consumer of its own, with 2 MB/s of every shard; otherwise it shares them with other
    readers.
    """

    account_id: AccountId
    role_name: TheirRoleName = CONSUMER_ROLE
    enhanced_fan_out: bool = True

    def role_arn(self, partition: str) -> str:
        """The role's ARN, in the partition that both sides are in."""
        return f"arn:{partition}:iam::{self.account_id}:role/{self.role_name}"


class OwnerSettings(Architecture):
    """The account that has the stream; each of `subscribers` has a name that the other side says too."""

    kind: Literal["shared-stream/owner"]
    # https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html: 20 registered consumers for a stream
    subscribers: dict[str, Subscriber] = Field(min_length=1, max_length=20)
    stream_name: StreamName = "kds-cross-account-stream"
    shard_count: ShardCount = 1
    retention_hours: int = Field(default=24, ge=24, le=8760)

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        for label in self.subscribers:
            key = f"subscribers.{label}"
            yield PhysicalName(what="stream consumer", key=key, value=label, within=self.stream_name)


class StreamAccess(Settings):
    """The owner's side as literal values, for an owner whose stack belongs to somebody else."""

    stream_arn: StreamArn
    consumer_arn: ConsumerArn | None = None
    key_arn: KeyArn


def _owner_form(value: object) -> str:
    return "literal" if isinstance(value, dict) and "streamArn" in value else "peer"


class SubscriberSettings(KinesisReader):
    """The account whose function reads the stream."""

    kind: Literal["shared-stream/subscriber"]
    owner: Annotated[Annotated[Peer, Tag("peer")] | Annotated[StreamAccess, Tag("literal")], Discriminator(_owner_form)]
    # Which of the owner's subscribers this is.
    subscriber: str = "subscriber"
    # Whether the owner's stack gives this subscriber a consumer of its own.
    enhanced_fan_out: bool = True
    function: FunctionSettings = CONSUMER
    role_name: RoleName = CONSUMER_ROLE
    log_data: bool = False
    handler: OwnHandler | None = None

    @model_validator(mode="after")
    def _names_its_consumer(self) -> Self:
        if isinstance(self.owner, StreamAccess) and self.enhanced_fan_out != (self.owner.consumer_arn is not None):
            raise ValueError("`owner.consumerArn` goes with `enhancedFanOut: true`, and only with it")
        return self

    def peers(self) -> Iterable[Peer]:
        return (self.owner,) if isinstance(self.owner, Peer) else ()

    def derived_names(self, instance: str) -> Iterable[PhysicalName]:
        yield self.from_instance("bucket", instance, after="-failures-bucket", automatic=True)
