"""The side that has the lake: a bucket that one role of the producer's account may write, and nobody else's."""

from dataclasses import dataclass

import pulumi

from components.data_lake.bucket import lets_encrypt
from components.data_lake.consuming import LakeStore, LakeStoreArgs
from components.data_lake.settings import ConsumerSettings
from components.regions import partition_of
from components.side import Side


@dataclass(frozen=True, kw_only=True)
class LakeConsumerArgs:
    """`account_id` and `region` are where the stack is deployed."""

    settings: ConsumerSettings
    account_id: pulumi.Input[str]
    region: str


class LakeConsumer(pulumi.ComponentResource):
    """The lake, which the delivery stream of another account writes and this account reads."""

    def __init__(self, name: str, args: LakeConsumerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:LakeConsumer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings
        writer_role_arn = settings.producer.role_arn(partition_of(args.region))

        side = Side(
            name,
            args,
            child,
            key_description=f"Data of the lake {name}",
            key_statements=[lets_encrypt(writer_role_arn, args.region)],
            key_alias=settings.key_alias,
        )
        key = side.key
        store = LakeStore(
            name,
            LakeStoreArgs(
                settings=settings,
                key_arn=key.arn,
                account_id=args.account_id,
                region=args.region,
                writer_role_arn=writer_role_arn,
            ),
            child,
        )

        self.outputs: dict[str, pulumi.Input[object]] = {
            **store.outputs,
            # What the producer must say alike, and is compared with.
            "layout": settings.layout.model_dump(by_alias=True),
        }
        self.register_outputs(self.outputs)
