"""The side that has the table, whether the lake is in its account or in another: its key, the way of its changes, what
works beyond one machine, and the alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pulumi

from components.bucket import PrivateBucket
from components.data_lake.bulk import ExporterArgs, RowsPlace, distributed_export
from components.data_lake.producing import ChangeDelivery, ChangeDeliveryArgs
from components.data_lake.settings import ProducingSettings
from components.delivery_stream import Conversion
from components.key import lets_logs_encrypt
from components.side import Side
from components.watch import Watch


class WayArgs(Protocol):
    """What the arguments of both have."""

    @property
    def settings(self) -> ProducingSettings: ...
    @property
    def account_id(self) -> pulumi.Input[str]: ...
    @property
    def region(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class LakePlace:
    """Where changes go: the bucket and its key. `conversion` has the columns of Parquet, `rows` takes exports' rows."""

    bucket_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    ready: Sequence[pulumi.Resource] = ()
    conversion: Conversion | None
    rows: RowsPlace | None


def way_side(name: str, args: WayArgs, child: pulumi.ResourceOptions, *, key_description: str) -> Side:
    """The side, whose key encrypts its functions' logs as well."""
    settings = args.settings
    return Side(
        name,
        args,
        child,
        key_description=key_description,
        key_statements=[lets_logs_encrypt(log_groups(settings), args.account_id, args.region)],
        key_alias=settings.own_alias,
    )


def deliver(
    name: str,
    args: WayArgs,
    side: Side,
    lake: LakePlace,
    exports: PrivateBucket,
    child: pulumi.ResourceOptions,
    watches: Sequence[Watch] = (),
) -> dict[str, pulumi.Input[object]]:
    """Deploys the way, `bulk` when it is asked for, and the alarms with those of `watches`; what is told of them."""
    settings = args.settings
    delivery = ChangeDelivery(
        name,
        ChangeDeliveryArgs(
            settings=settings,
            key_arn=side.key.arn,
            bucket_arn=lake.bucket_arn,
            bucket_key_arn=lake.key_arn,
            bucket_ready=lake.ready,
            conversion=lake.conversion,
            account_id=args.account_id,
            region=args.region,
        ),
        child,
    )
    monitoring = side.monitoring([*delivery.watches, *watches])
    outputs = {**delivery.outputs, "dashboard": monitoring.dashboard, "exportBucketName": exports.name}
    if settings.bulk is None:
        return outputs
    exporter = ExporterArgs(
        settings=settings,
        bulk=settings.bulk,
        stream_arn=delivery.stream_arn,
        exports=exports,
        rows=lake.rows,
        key_arn=side.key.arn,
        account_id=args.account_id,
        region=args.region,
    )
    return {**outputs, "bulk": distributed_export(f"{name}-backfill", exporter, child)}


def log_groups(settings: ProducingSettings) -> list[str]:
    """The log groups of this side, which its key encrypts."""
    functions = [settings.transform_name, *([settings.exporter_name] if settings.bulk else [])]
    return [*(f"/aws/lambda/{name}" for name in functions), f"/aws/kinesisfirehose/{settings.delivery_name}"]
