"""The names of what a guarded replica's table of positions has beside the replica's own keys.

Every name that DynamoDB allows may be one of the keys, so that ours make way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["PositionNames", "position_names"]


class PositionNames(NamedTuple):
    """`position` is the attribute with the stream position of an item's last change; `expires` says, in seconds since
    1970, when the position of a removed item may be forgotten."""

    position: str
    expires: str


def position_names(keys: Iterable[str]) -> PositionNames:
    """The names in the table of positions of a replica with these key attributes."""
    taken = set(keys)
    return PositionNames(_free("position", taken), _free("expires", taken))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
