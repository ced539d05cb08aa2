"""Compares everything a copy holds with everything that was sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from operations.cross_account_copy.expecting import Item, Key

SHOWN = 5


@dataclass(frozen=True)
class Difference:
    """Keys that should be there and are not, that are there and should not be, and whose items differ."""

    missing: list[Key]
    extra: list[Key]
    differing: list[Key]

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra or self.differing)

    def __str__(self) -> str:
        found = {"missing": self.missing, "extra": self.extra, "differing": self.differing}
        return "; ".join(f"{len(keys)} {what}: {_shown(keys)}" for what, keys in found.items() if keys) or "equal"


def difference(expected: Mapping[Key, Item], found: Mapping[Key, Item]) -> Difference:
    """How `found` differs from `expected`: every key, every attribute, every value and its type."""
    return Difference(
        missing=sorted(expected.keys() - found.keys()),
        extra=sorted(found.keys() - expected.keys()),
        differing=sorted(key for key in expected.keys() & found.keys() if expected[key] != found[key]),
    )


def _shown(keys: list[Key]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join("/".join(key) for key in keys[:SHOWN]) + more
