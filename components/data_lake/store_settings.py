"""What a stack file may say about what stores a lake, part by part."""

from pydantic import Field

from components.settings import BucketName, Region, Settings


class ReplicaBucket(Settings):
    """A copy of the bucket in another Region, encrypted with a key of that Region."""

    region: Region
    name: BucketName = None


class Bucket(Settings):
    """The lake's bucket. What is deleted or overwritten is kept for a while, and so is what could not be delivered."""

    name: BucketName = None
    keep_old_versions_days: int = Field(default=30, ge=1)
    keep_errors_days: int = Field(default=90, ge=1)
    replica: ReplicaBucket | None = None


class Catalogue(Settings):
    """What makes the bucket a table: `scan_limit_gb` is what one query may read, in GiB.

    `crawler` is when a Glue crawler looks for columns by itself, such as `cron(0 5 * * ? *)`; results of queries are
    deleted after `keep_results_days`. https://docs.aws.amazon.com/glue/latest/dg/monitor-data-warehouse-schedule.html
    """

    scan_limit_gb: int = Field(default=1_024, ge=1, le=7_168)
    crawler: str | None = Field(default=None, pattern=r"^cron\(.+\)$")
    keep_results_days: int = Field(default=7, ge=1, le=365)
