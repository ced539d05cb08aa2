"""Physical names for resources that are given none: the logical name and a random suffix, as in the real plugin."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_SUFFIX_LENGTH = 7  # hexadecimal digits, as in the real plugin


@dataclass(frozen=True)
class Name:
    """How the physical name of a resource type is made; `longest` counts characters.

    `prefix_property` is the input that holds a prefix instead of a whole name. `fifo` names the flag that asks for
    the suffix `.fifo`. `start` is what every such name begins with.
    """

    property: str = "name"
    longest: int = 64
    lower: bool = False
    prefix_property: str | None = None
    fifo: str | None = None
    start: str = ""

    def make(self, logical: str, inputs: Mapping[str, Any], seed: bytes) -> str:
        """A name that is unique for each `seed`; an empty seed stands for chance."""
        digits = hashlib.sha256(seed).hexdigest() if seed else secrets.token_hex(16)
        ending = ".fifo" if self.fifo and inputs.get(self.fifo) is True else ""
        prefix = inputs.get(self.prefix_property) if self.prefix_property else None
        suffix = digits[: 26 if prefix else _SUFFIX_LENGTH] + ending
        stem = prefix if isinstance(prefix, str) else f"{self.start}{logical}-"
        name = stem[: self.longest - len(suffix)] + suffix
        return name.lower() if self.lower else name
