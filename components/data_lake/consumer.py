"""The side that has the lake: a bucket that one role of the producer's account may write, and nobody else's."""

from dataclasses import dataclass

import pulumi

from components.data_lake.bucket import lets_encrypt
from components.data_lake.consuming import LakeStore, LakeStoreArgs
from components.data_lake.settings import ConsumerSettings
from components.data_lake.work import lets_encrypt_rows
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
        partition = partition_of(args.region)
        writer_role_arn = settings.producer.role_arn(partition)
        row_writer_arn = settings.producer.export_role_arn(partition)

        side = Side(
            name,
            args,
            child,
            key_description=f"Data of the lake {name}",
            key_statements=[
                lets_encrypt(writer_role_arn, args.region),
                *([lets_encrypt_rows(row_writer_arn, args.region)] if row_writer_arn else []),
            ],
            key_alias=settings.own_alias,
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
                row_writer_arn=row_writer_arn,
            ),
            child,
        )

        monitoring = side.monitoring(store.watches)

        self.outputs: dict[str, pulumi.Input[object]] = {
            **store.outputs,
            "dashboard": monitoring.dashboard,
        }
        self.register_outputs(self.outputs)
