"""How far each file of an export is written: an object beside the export, so that any run can go on from there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from handlers.shared.images import Image, compact

__all__ = ["DataFile", "Place", "Refused", "Tally", "load", "save"]


class Refused(NamedTuple):
    """A row that the far end will not take: its position in what was read, its key in DynamoDB JSON, and why."""

    position: int
    key: Image
    reason: str


@dataclass
class Tally:
    """What became of rows: written, kept as the far end has them, or refused."""

    written: int = 0
    kept: int = 0
    refused: list[Refused] = field(default_factory=list)


class DataFile(NamedTuple):
    """A file of an export, and the folder for the places of the export's files, in one bucket."""

    bucket: str
    key: str
    folder: str

    @property
    def name(self) -> str:
        """The file's own name, without its ending."""
        return self.key.rpartition("/")[2].removesuffix(".json.gz")

    @property
    def place_key(self) -> str:
        """The object that keeps the place."""
        return f"{self.folder}/{self.name}.json"


@dataclass(frozen=True)
class Place:
    """`line` is the first line that is not done, from 0; `done` says that there is none.

    `written` counts rows, `refused` has those that the far end will not take.
    """

    line: int = 0
    done: bool = False
    written: int = 0
    refused: Sequence[Refused] = ()

    @property
    def kept(self) -> int:
        """How many rows before `line` the far end had; also those of a run that was killed before it kept its place."""
        return max(0, self.line - self.written - len(self.refused))

    def after(self, line: int, done: bool, tally: Tally) -> Place:
        """The place some rows later, `tally` being what became of those."""
        return Place(
            line=line,
            done=done,
            written=self.written + tally.written,
            # A row after `line` comes again, and is refused again.
            refused=[*self.refused, *sorted(one for one in tally.refused if one.position < line)],
        )


def load(s3: Any, file: DataFile) -> Place:
    """The place that was kept for a file, or its beginning. Raises ClientError."""
    try:
        stored = json.loads(s3.get_object(Bucket=file.bucket, Key=file.place_key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return Place()
    return Place(**{**stored, "refused": [Refused(*one) for one in stored["refused"]]})


def save(s3: Any, file: DataFile, place: Place) -> None:
    """Keep a file's place. Raises ClientError."""
    s3.put_object(Bucket=file.bucket, Key=file.place_key, Body=compact(asdict(place)))
