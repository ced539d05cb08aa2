"""Reads the new images of DynamoDB stream records.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from handlers.shared.errors import RecordError

__all__ = ["Image", "compact", "new_images"]

# An item in DynamoDB JSON, as Lambda passes it: {"name": {"S": "Adam"}}, binary values in base64.
Image = Mapping[str, Mapping[str, Any]]


def new_images(records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, Image | None]]:
    """The position and the new image of each record, None for a removal.

    Raises RecordError for an insertion or a change that comes without its new image.
    """
    for position, record in enumerate(records):
        if record["eventName"] == "REMOVE":
            yield position, None
            continue
        image = record["dynamodb"].get("NewImage")
        if image is None:
            raise RecordError(
                position,
                "the stream record has no new image: set the stream view type of the table to NEW_IMAGE or "
                "NEW_AND_OLD_IMAGES and run `pulumi up`",
            )
        yield position, image


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def compact(attributes: object) -> bytes:
    """JSON as small as it gets. Images are DynamoDB's own JSON, binary values in base64, and stay so."""
    return _compact(attributes).encode()
