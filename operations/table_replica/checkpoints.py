"""Where a backfill stands, kept in the replica's on-failure bucket so that any machine can go on."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "backfill/checkpoint.json"


@dataclass
class Checkpoint:
    """`places`: for each segment the key after which it goes on, None when it is done; one not begun is not in it.

    `resume` says whether the mapping, held now, is to be enabled at the end.
    """

    segments: int
    resume: bool
    places: dict[int, Mapping[str, Any] | None] = field(default_factory=dict)
    written: int = 0
    kept: int = 0

    @property
    def open_segments(self) -> list[int]:
        """The segments that are not done."""
        return [
            number for number in range(self.segments) if number not in self.places or self.places[number] is not None
        ]


def load(s3: "S3Client", bucket: str) -> Checkpoint | None:
    """The checkpoint of a backfill that did not come to its end, if there is one."""
    try:
        stored = json.loads(s3.get_object(Bucket=bucket, Key=KEY)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
    return Checkpoint(**{**stored, "places": {int(number): place for number, place in stored["places"].items()}})


def save(s3: "S3Client", bucket: str, checkpoint: Checkpoint) -> None:
    """Keep the checkpoint."""
    s3.put_object(Bucket=bucket, Key=KEY, Body=json.dumps(asdict(checkpoint)).encode())


def remove(s3: "S3Client", bucket: str) -> None:
    """Forget it: the backfill is done."""
    s3.delete_object(Bucket=bucket, Key=KEY)
