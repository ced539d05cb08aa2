"""Reads the new images of DynamoDB stream records.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["Image", "compact", "new_image"]

# An item in DynamoDB JSON, as Lambda passes it: {"name": {"S": "Adam"}}, binary values in base64.
Image = Mapping[str, Mapping[str, Any]]


def new_image(record: Mapping[str, Any]) -> Image | None:
    """The new image of a stream record, None for a removal.

    Raises ValueError for an insertion or a change that comes without its new image, and for what is neither.
    """
    name = record.get("eventName")
    if name == "REMOVE":
        return None
    image: Image | None = record.get("dynamodb", {}).get("NewImage")
    if name not in ("INSERT", "MODIFY") or image is None:
        raise ValueError(
            f"the stream record has no new image (event name {name}): set the stream view type of the table to "
            "NEW_IMAGE or NEW_AND_OLD_IMAGES and run `pulumi up`"
        )
    return image


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def compact(attributes: object) -> bytes:
    """JSON as small as it gets. Images are DynamoDB's own JSON, binary values in base64, and stay so."""
    return _compact(attributes).encode()
