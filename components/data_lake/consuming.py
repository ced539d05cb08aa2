"""What holds the lake: its bucket, and the catalogue that makes it a table."""

from dataclasses import dataclass

import pulumi

from components.bucket import PrivateBucket
from components.data_lake.bucket import LakeBucket, LakeBucketArgs
from components.data_lake.catalogue import LakeCatalogue, LakeCatalogueArgs
from components.data_lake.settings import ConsumingSettings
from components.data_lake.watching import lake_watches
from components.data_lake.work import WorkBucketArgs, work_bucket
from components.delivery_stream import Conversion
from components.watch import Watch


@dataclass(frozen=True, kw_only=True)
class LakeStoreArgs:
    """`writer_role_arn` is the delivery stream's role when that is another account's, `row_writer_arn` that account's
    role which brings rows of exports; neither need exist yet."""

    settings: ConsumingSettings
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str
    writer_role_arn: str | None = None
    row_writer_arn: str | None = None


class LakeStore(pulumi.ComponentResource):
    """The bucket of the lake with its catalogue; `columns` are those of the catalogue's table.

    `work` is the bucket of results, rows to compare and, where the table is in the same account, its exports. `watches`
    say what is worth an alarm where the lake is.
    """

    bucket: PrivateBucket
    work: PrivateBucket
    columns: Conversion
    watches: list[Watch]
    outputs: dict[str, pulumi.Input[object]]

    def __init__(self, name: str, args: LakeStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:LakeStore", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings = args.settings
        force_destroy = not settings.deletion_protection

        lake = LakeBucket(
            name,
            LakeBucketArgs(
                settings=settings.bucket,
                layout=settings.layout,
                key_arn=args.key_arn,
                account_id=args.account_id,
                region=args.region,
                force_destroy=force_destroy,
                writer_role_arn=args.writer_role_arn,
            ),
            child,
        )
        work = work_bucket(
            name,
            WorkBucketArgs(
                key_arn=args.key_arn,
                keep_days=settings.catalogue.keep_results_days,
                force_destroy=force_destroy,
                row_writer_arn=args.row_writer_arn,
            ),
            child,
        )
        catalogue = LakeCatalogue(
            name,
            LakeCatalogueArgs(
                settings=settings.catalogue,
                layout=settings.layout,
                keys=settings.keys,
                bucket=lake.bucket,
                work=work,
                key_arn=args.key_arn,
                account_id=args.account_id,
                region=args.region,
            ),
            child,
        )

        self.bucket = lake.bucket
        self.work = work
        self.watches = lake_watches(lake.bucket.name)
        self.columns = Conversion(database=catalogue.database, table=catalogue.table)
        self.outputs = {
            "bucketName": lake.bucket.name,
            "bucketArn": lake.bucket.arn,
            "workBucketName": work.name,
            "keyArn": args.key_arn,
            "region": args.region,
            # What a producer must say alike, and what objects are like when somebody wants to change it.
            "layout": settings.layout.model_dump(by_alias=True),
            **({"replicaBucketName": lake.replica_name} if lake.replica_name is not None else {}),
            **catalogue.outputs,
        }
        self.register_outputs(self.outputs)
