"""Where a backfill stands, kept in the replica's on-failure bucket so that any machine can go on.

How far each file of an export is, is kept beside the export: see handlers/shared/export_places.py.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from handlers.shared.export_places import Refused, Tally

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "backfill/checkpoint.json"


@dataclass
class ScanProgress:
    """`places`: for each segment the key after which it goes on, None when it is done; one not begun is not in it."""

    segments: int
    places: dict[int, Mapping[str, Any] | None] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    @property
    def open_segments(self) -> list[int]:
        """The segments that are not done."""
        return [
            number for number in range(self.segments) if number not in self.places or self.places[number] is not None
        ]


@dataclass
class ExportProgress:
    """`token` asks for the export, which is `export_arn` once it is asked for.

    `held` is the mapping's last change when it was held for the export, at `held_at_s` since 1970; both None when it
    was not. `execution_arn` is the last of the state machine's executions, `runs` their number; no function that an
    earlier one started runs after `quiet_at_s`.
    """

    token: str
    export_arn: str | None = None
    held: str | None = None
    held_at_s: float | None = None
    execution_arn: str | None = None
    runs: int = 0
    quiet_at_s: float = 0.0

    def forget_export(self, token: str) -> None:
        """Begin anew, by another token."""
        self.token, self.export_arn, self.execution_arn = token, None, None


@dataclass
class Checkpoint:
    """`resume` says whether the mapping, held now, is to be enabled at the end. The rows come from one of the two."""

    resume: bool
    scan: ScanProgress | None = None
    export: ExportProgress | None = None


def load(s3: "S3Client", bucket: str) -> Checkpoint | None:
    """The checkpoint of a backfill that did not come to its end, if there is one."""
    try:
        stored = json.loads(s3.get_object(Bucket=bucket, Key=KEY)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
    scan, export = stored["scan"], stored["export"]
    return Checkpoint(
        resume=stored["resume"],
        scan=scan and _scan(scan),
        export=export and ExportProgress(**export),
    )


def save(s3: "S3Client", bucket: str, checkpoint: Checkpoint) -> None:
    """Keep the checkpoint."""
    s3.put_object(Bucket=bucket, Key=KEY, Body=json.dumps(asdict(checkpoint)).encode())


def remove(s3: "S3Client", bucket: str) -> None:
    """Forget it: the backfill is done."""
    s3.delete_object(Bucket=bucket, Key=KEY)


def _scan(stored: Mapping[str, Any]) -> ScanProgress:
    tally = stored["tally"]
    return ScanProgress(
        segments=stored["segments"],
        places={int(number): place for number, place in stored["places"].items()},
        tally=Tally(tally["written"], tally["kept"], [Refused(*one) for one in tally["refused"]]),
    )
