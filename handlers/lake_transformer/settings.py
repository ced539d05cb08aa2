"""The transformer's environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from handlers.lake_transformer.rules import Rule, path_of, rules_of
from handlers.shared.errors import SettingsError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """See handlers/README.md for the variables. `partition_keys` maps a partition's name to an attribute's path."""

    old_image: bool
    keep_nested: bool
    whole_items: bool
    rules: Mapping[str, Rule]
    partition_keys: Mapping[str, list[str]]

    @property
    def looks_at_values(self) -> bool:
        """Whether more is done with an item's values than to copy them."""
        return bool(self.rules or self.partition_keys)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError."""
        hashed = _paths(environment, "HASH_ATTRIBUTES")
        salt = environment.get("HASH_SALT", "")
        if hashed and not salt:
            raise SettingsError(
                "environment variable HASH_SALT is not set: it must hold a secret text that goes into every hash of "
                "HASH_ATTRIBUTES, or whoever guesses a value can find its hash"
            )
        return cls(
            old_image=_flag(environment, "OLD_IMAGE"),
            keep_nested=_flag(environment, "KEEP_NESTED"),
            whole_items=_flag(environment, "WHOLE_ITEMS"),
            rules=rules_of(_paths(environment, "DROP_ATTRIBUTES"), hashed, salt),
            partition_keys=_partition_keys(environment),
        )


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "") or "false"
    if text not in ("true", "false"):
        raise SettingsError(f"environment variable {name} is {text!r}: it must be true or false")
    return text == "true"


def _paths(environment: Mapping[str, str], name: str) -> list[str]:
    text = environment.get(name, "") or "[]"
    try:
        paths = json.loads(text)
        if not isinstance(paths, list):
            raise ValueError("no list")
        for path in paths:
            path_of(path)
    except (ValueError, TypeError) as error:
        raise SettingsError(
            f"environment variable {name} is {text!r} ({error}): it must be a JSON list of attributes, like "
            '["email", "address.street"]'
        ) from None
    return paths


def _partition_keys(environment: Mapping[str, str]) -> dict[str, list[str]]:
    name = "PARTITION_KEYS"
    text = environment.get(name, "") or "{}"
    try:
        return {partition: path_of(path) for partition, path in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise SettingsError(
            f"environment variable {name} is {text!r} ({error}): it must be a JSON object from the partition's name to "
            'the attribute, like {"country": "address.country"}'
        ) from None
