"""Both sides of a data lake in one account, with one key."""

from dataclasses import dataclass

import pulumi

from components.data_lake.bulk import RowsPlace
from components.data_lake.consuming import LakeStore, LakeStoreArgs
from components.data_lake.settings import LakeSettings
from components.data_lake.way import LakePlace, deliver, way_side


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

        side = way_side(name, args, child, key_description=f"Data of the lake {name}")
        key = side.key
        store = LakeStore(
            name,
            LakeStoreArgs(settings=settings, key_arn=key.arn, account_id=args.account_id, region=args.region),
            child,
        )
        lake = LakePlace(
            bucket_arn=store.bucket.arn,
            key_arn=key.arn,
            ready=store.bucket.ready,
            conversion=store.columns if settings.layout.format == "parquet" else None,
            rows=RowsPlace(bucket_arn=store.work.arn, key_arn=key.arn),
        )
        delivered = deliver(name, args, side, lake, store.work, child, store.watches)

        self.outputs: dict[str, pulumi.Input[object]] = {**delivered, **store.outputs}
        self.register_outputs(self.outputs)
