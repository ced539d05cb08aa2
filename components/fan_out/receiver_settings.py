"""What a stack file may say about a receiver of the fan-out platform, and what holds when it says nothing."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from components.fan_out.services import SERVICES, service_of
from components.fan_out.settings import Reached
from components.naming import Names
from components.settings import (
    AccountId,
    Architecture,
    KeyArn,
    RoleName,
    Settings,
    ShardCount,
    StreamName,
    TheirRoleName,
)

# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html
ExternalId = Annotated[str, StringConstraints(min_length=2, max_length=1224, pattern=r"^[\w+=,.@:/-]+$")]
# Services in which an ARN does not tell how rows name the target.
UNTOLD = [name for name, one in SERVICES.items() if one.type and one.destination is None]


class PlatformRoles(Settings):
    """The account of the platform, and the roles of its two functions. They need not exist yet."""

    account_id: AccountId
    role_name: TheirRoleName = "fanout-role"
    drainer_role_name: TheirRoleName = "fanout-drainer-role"

    def role_arns(self, partition: str) -> list[str]:
        """The roles' ARNs, in the partition that both sides are in."""
        return [
            f"arn:{partition}:iam::{self.account_id}:role/{one}" for one in (self.role_name, self.drainer_role_name)
        ]


class ReceivingStream(Settings):
    """A stream of this stack."""

    stream_name: StreamName
    shard_count: ShardCount = 1
    retention_hours: int = Field(default=24, ge=24, le=8760)


class ReceivingQueue(Settings):
    """A queue of this stack; `.fifo` at the end of its name keeps the order of each partition key."""

    queue_name: Annotated[str, Names("queue")]
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    retention_hours: int = Field(default=96, ge=1, le=336)


class ReceivingTopic(Settings):
    """A topic of this stack; `.fifo` at the end of its name keeps the order of each partition key."""

    topic_name: Annotated[str, Names("topic")]


class ReceivingTarget(Settings):
    """The one target that the role may put into: made by this stack, or `arn`, which is there, with its `key_arn`.

    `destination` is how rows name a target of a service in which the ARN does not tell it.
    """

    stream: ReceivingStream | None = None
    queue: ReceivingQueue | None = None
    topic: ReceivingTopic | None = None
    arn: Reached | None = None
    key_arn: KeyArn | None = None
    destination: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        forms = ("stream", "queue", "topic", "arn")
        said = [name for name in forms if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(f"it must say exactly one of {', '.join(forms)}; it says {', '.join(said) or 'none'}")
        if self.key_arn is not None and self.arn is None:
            raise ValueError("`keyArn` goes with `arn`: what this stack makes has the stack's own key")
        if self.arn is None:
            return self
        service = SERVICES[service_of(self.arn)]
        if "*" in self.arn or not service.type:
            raise ValueError("its `arn` must name one target, without `*`")
        if (self.destination is None) != (service.destination is not None):
            raise ValueError(
                f"`destination`, which is how a row of the mapping table names the target, goes with an `arn` of "
                f"{', '.join(UNTOLD)}, and only with it"
            )
        return self


class ReceiverSettings(Architecture):
    """An account that takes the messages of one target, through a role that the platform assumes with `external_id`."""

    kind: Literal["fan-out/receiver"]
    platform: PlatformRoles
    external_id: ExternalId
    role_name: RoleName = "fanout-receiver"
    target: ReceivingTarget
