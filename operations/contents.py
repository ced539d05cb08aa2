"""What is in the buckets of a stack, told before it is destroyed with them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from operations.access import account_of
from operations.engine import Engine
from operations.stacks import Stack

BUCKET = "aws:s3/bucket:Bucket"
# What is counted at most: a thousand come with a request.
MOST = 20_000


@dataclass(frozen=True)
class Contents:
    """What a bucket holds, as far as it was counted; `size_bytes` is that of all versions."""

    bucket: str
    objects: int
    old_versions: int
    size_bytes: int

    @property
    def complete(self) -> bool:
        """Whether everything was counted."""
        return self.objects + self.old_versions < MOST


def held(engine: Engine, stack: Stack) -> Iterator[Contents]:
    """What the buckets of a deployed stack hold, those that hold anything."""
    for resource in (one["outputs"] for one in engine.resources(stack.name) if one["type"] == BUCKET):
        s3 = account_of(engine, stack, region=resource["region"]).client("s3")
        found = counted(resource["bucket"], _versions(s3, resource["bucket"]))
        if found.objects or found.old_versions:
            yield found


def counted(bucket: str, versions: Iterable[dict[str, Any]]) -> Contents:
    """Sum up versions and delete markers, no more than MOST of them."""
    objects = old_versions = size_bytes = 0
    for version in islice(versions, MOST):
        newest = version["IsLatest"] and "Size" in version
        objects += newest
        old_versions += not newest
        size_bytes += version.get("Size", 0)
    return Contents(bucket, objects, old_versions, size_bytes)


def described(contents: Contents) -> str:
    """One line for people."""
    least = "" if contents.complete else "at least "
    return (
        f"s3://{contents.bucket}: {least}{contents.objects:,} objects and {contents.old_versions:,} old versions or "
        f"delete markers, {contents.size_bytes / 1e6:,.1f} MB. They are deleted with it."
    )


def _versions(s3: Any, bucket: str) -> Iterator[dict[str, Any]]:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        yield from page.get("Versions", [])
        yield from page.get("DeleteMarkers", [])
