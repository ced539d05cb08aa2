"""The values by which Firehose partitions the lines, for `!{partitionKeyFromLambda:name}` in the prefix.

https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-partitioning-keys.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from handlers.lake_transformer.rules import Rule, redacted

__all__ = ["NO_VALUE", "partition_values"]

# Hive's name of the partition of what has no value.
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_TEXTS: Mapping[str, Callable[[Any], str]] = {"S": str, "N": str, "BOOL": lambda value: "true" if value else "false"}


def partition_values(
    stream: Mapping[str, Any], keys: Mapping[str, Sequence[str]], rules: Mapping[str, Rule]
) -> dict[str, str]:
    """The partition's name to its value, of the new image or, for a removed item, of the old one or the keys."""
    images = [stream.get("NewImage"), stream.get("OldImage"), stream["Keys"]]
    image = next(image for image in images if image)
    return {name: _value(image, path, rules) for name, path in keys.items()}


def _value(image: Mapping[str, Any], path: Sequence[str], rules: Mapping[str, Rule]) -> str:
    attribute: Any = {"M": image}
    for name in path:
        attribute = attribute.get("M", {}).get(name)
        rule, rules = rules.get(name), {}
        if attribute is not None and rule is not None:
            attribute, rules = redacted(attribute, rule), {}
        if attribute is None:
            return NO_VALUE
    ((kind, value),) = attribute.items()
    text = _TEXTS[kind](value) if kind in _TEXTS else ""
    # A value is one folder of the object's key, in letters that need no care anywhere.
    return quote(text, safe="") or NO_VALUE
