"""Turns an item in DynamoDB JSON into a line of plain JSON, numbers digit for digit: see handlers.shared.plain_json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handlers.shared.plain_json import object_text

__all__ = ["line_of"]


def line_of(image: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The item as one line of JSON in UTF-8, its newline included; attributes keep their order."""
    return f"{object_text(image)}\n".encode()
