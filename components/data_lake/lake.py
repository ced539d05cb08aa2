"""Both sides of a data lake in one account, with one key."""

from dataclasses import dataclass

import pulumi

from components.data_lake.bulk import ExporterArgs, distributed_export
from components.data_lake.consuming import LakeStore, LakeStoreArgs
from components.data_lake.producing import ChangeDelivery, ChangeDeliveryArgs, log_groups
from components.data_lake.settings import LakeSettings
from components.key import lets_logs_encrypt
from components.side import Side


@dataclass(frozen=True, kw_only=True)
class DataLakeArgs:
    """`account_id` and `region` are where the stack is deployed."""

    settings: LakeSettings
    account_id: pulumi.Input[str]
    region: str


class DataLake(pulumi.ComponentResource):
    """A table, the delivery of its changes, and the lake that they come to."""

    def __init__(self, name: str, args: DataLakeArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:DataLake", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings

        side = Side(
            name,
            args,
            child,
            key_description=f"Data of the lake {name}",
            key_statements=[lets_logs_encrypt(log_groups(settings), args.account_id, args.region)],
            key_alias=settings.key_alias,
        )
        key = side.key
        store = LakeStore(
            name,
            LakeStoreArgs(settings=settings, key_arn=key.arn, account_id=args.account_id, region=args.region),
            child,
        )
        delivery = ChangeDelivery(
            name,
            ChangeDeliveryArgs(
                settings=settings,
                key_arn=key.arn,
                bucket_arn=store.bucket.arn,
                bucket_key_arn=key.arn,
                bucket_ready=store.bucket.ready,
                conversion=store.columns if settings.layout.format == "parquet" else None,
                account_id=args.account_id,
                region=args.region,
            ),
            child,
        )
        monitoring = side.monitoring(delivery.watches)

        self.outputs: dict[str, pulumi.Input[object]] = {
            **delivery.outputs,
            **store.outputs,
            "dashboard": monitoring.dashboard,
        }
        if settings.bulk:
            exporter = ExporterArgs(
                settings=settings,
                stream_arn=delivery.stream_arn,
                exports=store.work,
                key_arn=key.arn,
                account_id=args.account_id,
                region=args.region,
            )
            bulk = distributed_export(f"{name}-backfill", exporter, child)
            self.outputs["bulk"] = {**bulk.outputs, "maximumConcurrency": settings.bulk.maximum_concurrency}
        self.register_outputs(self.outputs)
