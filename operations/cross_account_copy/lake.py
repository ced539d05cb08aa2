"""Reads the objects that a delivery stream wrote: every line under its prefix, object by object."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from operations.cross_account_copy.compression import decompress
from operations.errors import OperationError
from operations.instruments.failures import ARCHIVED, GONE

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Delivery:
    """What a delivery stream says about its objects; `buffer_s` is how long a line may wait for its object."""

    prefix: str
    error_prefix: str
    compression: str
    buffer_s: float


def delivery_of(firehose: "FirehoseClient", name: str) -> Delivery:
    """A delivery stream as it is deployed. Raises OperationError when there is no such delivery stream."""
    try:
        found = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]
    except firehose.exceptions.ResourceNotFoundException:
        raise OperationError(
            f"there is no delivery stream `{name}`: it was deleted after it was deployed. Type `pulumi refresh`, and "
            "deploy its stack again."
        ) from None
    to_s3 = found["Destinations"][0]["ExtendedS3DestinationDescription"]
    return Delivery(
        prefix=_fixed(to_s3.get("Prefix", "")),
        error_prefix=_fixed(to_s3.get("ErrorOutputPrefix", "")),
        compression=to_s3["CompressionFormat"],
        buffer_s=to_s3["BufferingHints"]["IntervalInSeconds"],
    )


class Lake:
    """The objects of a delivery stream. An object never changes once it is there."""

    def __init__(self, s3: "S3Client", bucket: str, delivery: Delivery) -> None:
        self.delivery = delivery
        self._s3 = s3
        self._bucket = bucket
        self._known: set[str] = set()

    @property
    def name(self) -> str:
        """Where the objects are."""
        return self.place_of(self.delivery.prefix)

    @property
    def object_count(self) -> int:
        """How many objects have been seen."""
        return len(self._known)

    def new_objects(self) -> list[str]:
        """The names of the objects that were not there before."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self.delivery.prefix)
        names = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        failed = self.delivery.error_prefix
        found = [name for name in names if name not in self._known and not (failed and name.startswith(failed))]
        self._known.update(found)
        return found

    def lines(self, name: str) -> Iterator[tuple[str, bytes]]:
        """The lines of an object, each with its place: `<object>:<number>`.

        An object that is gone has none. Raises ValueError when an object cannot be decompressed, or is in an archive.
        """
        try:
            body = self._s3.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == GONE:
                return
            if code == ARCHIVED:
                raise ValueError("it was moved to an archive: restore it to have it compared") from None
            raise
        for number, line in enumerate(decompress(body, self.delivery.compression).splitlines(), start=1):
            yield f"{self.place_of(name)}:{number}", line

    def lines_at(self, places: Iterable[str]) -> dict[str, bytes]:
        """The lines at these places; each object is read once."""
        wanted = set(places)
        names = {place.removeprefix(self.place_of("")).rpartition(":")[0] for place in wanted}
        return {place: line for name in names for place, line in self.lines(name) if place in wanted}

    def place_of(self, name: str) -> str:
        """Where an object is."""
        return f"s3://{self._bucket}/{name}"


def _fixed(prefix: str) -> str:
    """What a prefix begins with whatever the time is: expressions stand in `!{…}`.

    https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
    """
    return prefix.partition("!{")[0]
