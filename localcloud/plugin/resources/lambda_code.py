"""The code of functions and layers: how it is sent, and what has to be given."""

from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin import archives
from localcloud.plugin.checking import Failure


def code_request(inputs: Mapping[str, Any]) -> dict[str, Any]:
    if "code" in inputs:
        return {"ZipFile": archives.zip_bytes(inputs["code"])}
    pairs = {"s3Bucket": "S3Bucket", "s3Key": "S3Key", "s3ObjectVersion": "S3ObjectVersion", "imageUri": "ImageUri"}
    return {member: inputs[name] for name, member in pairs.items() if name in inputs}


def code_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    given = [name for name in ("code", "s3Bucket", "imageUri") if name in inputs]
    if len(given) != 1:
        yield Failure(
            "code", f"exactly one of code, s3Bucket and imageUri is needed, but it has {' and '.join(given) or 'none'}."
        )
    if "s3Bucket" in inputs and "s3Key" not in inputs:
        yield Failure("s3Key", "s3Key is needed with s3Bucket.")
