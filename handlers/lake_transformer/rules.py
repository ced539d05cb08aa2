"""Leaves out or hashes the attributes that must not reach the lake as they are, such as personal data.

A path names an attribute by the names on the way to it, joined by dots; a dot or backslash of a name itself has a
backslash before it. Lists do not count: `contacts.email` is the email of each element of the list `contacts`.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Rule", "path_of", "redacted", "redacted_item", "require_open_keys", "rules_of"]

Attribute = Mapping[str, Any]

_parts = re.compile(r"((?:[^.\\]|\\.)+)(?:\.|$)")
_escaped = re.compile(r"\\(.)")


@dataclass
class Rule:
    """What is done with an attribute: `drop` leaves it out, `salt` hashes it; `below` has the rules of its parts."""

    drop: bool = False
    salt: bytes | None = None
    below: dict[str, Rule] = field(default_factory=dict)

    @property
    def for_parts_alone(self) -> bool:
        """Whether nothing is done with the attribute as a whole."""
        return not self.drop and self.salt is None


def path_of(text: str) -> list[str]:
    """The names of a path. Raises ValueError."""
    matches = list(_parts.finditer(text))
    if not matches or matches[-1].end() != len(text) or (text.endswith(".") and not text.endswith("\\.")):
        raise ValueError(f"{text!r} is no path: names joined by dots, like address.city")
    return [_escaped.sub(r"\1", match.group(1)) for match in matches]


def rules_of(dropped: Iterable[str], hashed: Iterable[str], salt: str) -> dict[str, Rule]:
    """The rules for the attributes at these paths, by the names of the top level."""
    rules: dict[str, Rule] = {}
    for text in hashed:
        _rule(rules, path_of(text)).salt = salt.encode()
    for text in dropped:
        _rule(rules, path_of(text)).drop = True
    return rules


def require_open_keys(keys: Iterable[str], rules: Mapping[str, Rule]) -> None:
    """Raise ValueError when a rule is about a key attribute: without it nobody could tell whose change it is."""
    for name in keys:
        if name in rules:
            raise ValueError(
                f"`{name}` is a key attribute of the table, which cannot be dropped or hashed: take it out of "
                "DROP_ATTRIBUTES and HASH_ATTRIBUTES"
            )


def _rule(rules: dict[str, Rule], path: list[str]) -> Rule:
    for name in path[:-1]:
        rules = rules.setdefault(name, Rule()).below
    return rules.setdefault(path[-1], Rule())


def redacted(attribute: Attribute, rule: Rule) -> Attribute | None:
    """The attribute by the rule; None when it is left out."""
    if rule.drop:
        return None
    if rule.salt is not None:
        return {"S": hmac.digest(rule.salt, _text(attribute).encode(), "sha256").hex()}
    return _parted(attribute, rule.below) if rule.below else attribute


def redacted_item(item: Mapping[str, Attribute], rules: Mapping[str, Rule]) -> Mapping[str, Attribute]:
    """An item, or a map, whose attributes are left out or hashed by their rules."""
    return {
        name: applied
        for name, part in item.items()
        if (applied := redacted(part, rules[name]) if name in rules else part) is not None
    }


def _parted(attribute: Attribute, rules: Mapping[str, Rule]) -> Attribute:
    ((kind, value),) = attribute.items()
    if kind == "L":
        return {kind: [_parted(element, rules) for element in value]}
    if kind == "M":
        return {kind: redacted_item(value, rules)}
    return attribute


def _text(attribute: Attribute) -> str:
    """The same text for equal values: members of sets and names of maps in order."""
    return json.dumps(_ordered(attribute), sort_keys=True, separators=(",", ":"))


def _ordered(attribute: Attribute) -> Attribute:
    ((kind, value),) = attribute.items()
    match kind:
        case "SS" | "NS" | "BS":
            return {kind: sorted(value)}
        case "L":
            return {kind: [_ordered(element) for element in value]}
        case "M":
            return {kind: {name: _ordered(part) for name, part in value.items()}}
    return attribute
