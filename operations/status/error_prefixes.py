"""Looks at the error prefixes of lakes: whether changes lie there that no delivery brought to where they belong.

A bucket's requests below its error prefix are counted by a metrics configuration of its own: that is looked at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from components.data_lake.prefixes import ERRORS_FILTER
from operations.status.findings import Finding, Place, Resource

# Names of objects that are read to count them: ten calls.
MOST_LISTED = 10_000


@dataclass(frozen=True)
class ErrorPrefix:
    """`objects` is how many there are, MOST_LISTED or more when it is that."""

    instance: str
    bucket: str
    prefix: str
    objects: int


def look(place: Place, resources: Sequence[Resource]) -> list[ErrorPrefix]:
    """Raises ClientError."""
    s3 = place.client("s3")
    found = []
    for resource in resources:
        if resource.outputs["name"] == ERRORS_FILTER:
            bucket, prefix = resource.outputs["bucket"], resource.outputs["filter"]["prefix"]
            found.append(ErrorPrefix(resource.instance, bucket, prefix, _count(s3, bucket, prefix)))
    return found


def _count(s3: Any, bucket: str, prefix: str) -> int:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return sum(1 for _ in islice((entry for page in pages for entry in page.get("Contents", [])), MOST_LISTED))


def decide(place: Place, found: ErrorPrefix) -> Iterator[Finding]:
    """What needs a person."""
    if found.objects:
        where = f"s3://{found.bucket}/{found.prefix}"
        yield Finding(
            found.instance,
            found.bucket,
            f"{_objects(found)} with changes that are not in the lake wait below {where}",
            f"`aws s3 ls {where} --recursive` lists them; {place.verb('redrive', found.instance)} sends what could not "
            "be transformed again, once that is put right",
        )


def line(found: ErrorPrefix) -> str:
    """What was seen, in a line."""
    return f"s3://{found.bucket}/{found.prefix}: {_objects(found)}"


def _objects(found: ErrorPrefix) -> str:
    if found.objects >= MOST_LISTED:
        return f"{MOST_LISTED} or more objects"
    return "1 object" if found.objects == 1 else f"{found.objects} objects"
