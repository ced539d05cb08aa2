"""How far the files of an export are, as whoever takes them keeps it beside the export."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from handlers.shared import export_places
from handlers.shared.export_places import Place, Tally
from operations.instruments.exporting import DataFile, Export

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SHOWN_FILES = 10
# Places are small objects; so many are read at the same time.
READERS = 16


def folder_of(export: Export) -> str:
    """Where the places of an export's files are, in its bucket."""
    return f"backfill/{export.id}"


def with_place(export: Export, file: DataFile) -> export_places.DataFile:
    """A file of an export, as the functions know it."""
    return export_places.DataFile(export.bucket, file.key, folder_of(export))


def places_of(s3: "S3Client", export: Export, files: Sequence[DataFile]) -> Iterator[tuple[DataFile, Place]]:
    """The files with their places."""
    with ThreadPoolExecutor(READERS) as readers:
        load = partial(export_places.load, s3)
        yield from zip(files, readers.map(load, (with_place(export, file) for file in files)), strict=True)


def open_files(s3: "S3Client", export: Export, files: Sequence[DataFile]) -> list[DataFile]:
    """The files that are not done."""
    return [file for file, place in places_of(s3, export, files) if not place.done]


def tally_of(found: Iterable[Place]) -> Tally:
    """What became of the rows of files together."""
    total = Tally()
    for place in found:
        total.written += place.written
        total.kept += place.kept
        total.refused += place.refused
    return total


def not_done(files: Sequence[DataFile], total: int, given_up: Mapping[str, str], waiting: str = "") -> str:
    """Names the files, of `total`, that are not done, and why; `waiting` says what waits for them."""
    told = (
        f"{len(files)} of {total} files are not done. Put right what follows, then type the same command again: it "
        f"goes on with these.{waiting}"
    )
    lines = [f"{file.key}: {given_up.get(file.key, 'not done')}" for file in files[:SHOWN_FILES]]
    more = [f"and {len(files) - SHOWN_FILES} more"] if len(files) > SHOWN_FILES else []
    return "\n".join([told, *lines, *more])
