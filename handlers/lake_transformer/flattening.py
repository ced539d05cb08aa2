"""Flattens an item: values of maps at any depth become columns of their own, named as handlers.lake_transformer.columns
says; lists and sets stay whole in one column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from handlers.lake_transformer.columns import column_of
from handlers.lake_transformer.rules import Rule, redacted, redacted_item
from handlers.shared.plain_json import WRITERS, string_text

__all__ = ["Flat", "Flattener", "TangledError"]

Item = Mapping[str, Mapping[str, Any]]

# How many names are remembered: items whose names are data, like ids, must not fill the memory.
MAX_NAMES = 20_000

# Types that JSON does not tell from another: they are listed in the line's `change_types`.
_UNTOLD = frozenset({"B", "SS", "NS", "BS"})


class TangledError(ValueError):
    """No columns can be found that tell an item's values apart."""


class Flat(NamedTuple):
    """A flat item: `cells` maps a column, in JSON and with its colon, to its value in JSON. `names` and `types` are
    the members of the JSON objects of what neither the columns nor the values tell."""

    cells: dict[str, str]
    names: list[str]
    types: list[str]


class _Place(NamedTuple):
    """What is known of an attribute's name at one place: its column as a cell begins, the names below, the entry for
    `change_names` (None when the column tells the path), and what is to be done with the value."""

    cell: str
    below: _Names
    named: str | None
    rule: Rule | None


class _Names(dict[str, _Place]):
    """The names of the attributes at one level of items, found out at their first appearance."""

    def __init__(self, namer: _Namer, path: tuple[str, ...], rules: Mapping[str, Rule]) -> None:
        super().__init__()
        self._namer = namer
        self._path = path
        self._rules = rules

    def __missing__(self, name: str) -> _Place:
        place = self[name] = self._namer.place((*self._path, name), self._rules.get(name))
        return place


class _Namer:
    """Names under which values are found when the columns `contested` have several claims to them."""

    def __init__(self, prefix: str, rules: Mapping[str, Rule], contested: frozenset[str]) -> None:
        self.known = 0
        self._prefix = prefix
        self._contested = contested
        self.top = _Names(self, (), rules)

    def place(self, path: tuple[str, ...], rule: Rule | None) -> _Place:
        self.known += 1
        column, spelt = column_of(path, self._prefix)
        if column in self._contested:
            column, spelt = column_of(path, self._prefix, contested=True)
        cell = f"{string_text(column)}:"
        named = None if spelt else f"{cell}[{','.join(map(string_text, path))}]"
        return _Place(cell, _Names(self, path, rule.below if rule else {}), named, rule)


class Flattener:
    """Flattens items; `prefix` begins their columns. With `keep_nested` a map stays an object in one column.

    `rules` says which attributes are left out or hashed.
    """

    def __init__(self, rules: Mapping[str, Rule], *, prefix: str = "", keep_nested: bool = False) -> None:
        self._rules = rules
        self._prefix = prefix
        self._keep_nested = keep_nested
        self._namer = self._new_namer(frozenset())
        self._apart = lru_cache(maxsize=16)(self._new_namer)

    def flatten(self, image: Item) -> Flat:
        """The item's columns. Raises TangledError, and what an item that is not DynamoDB JSON raises."""
        if self._namer.known > MAX_NAMES:
            self._namer = self._new_namer(frozenset())
        namer, contested = self._namer, frozenset[str]()
        while True:
            flat, collided = self._filled(image, namer)
            if not collided:
                return flat
            if collided <= contested:
                raise TangledError("values of the item cannot be told apart by their names")
            contested |= collided
            namer = self._apart(contested)

    def redacted(self, image: Item) -> Item:
        """The item as it is but for what the rules say."""
        return redacted_item(image, self._rules)

    def _new_namer(self, contested: frozenset[str]) -> _Namer:
        return _Namer(self._prefix, self._rules, contested)

    def _filled(self, image: Item, namer: _Namer) -> tuple[Flat, frozenset[str]]:
        flat = Flat({}, [], [])
        collided: list[str] = []
        self._fill(image, namer.top, flat, collided)
        return flat, frozenset(cell[1:-2] for cell in collided)

    def _fill(self, image: Item, names: _Names, flat: Flat, collided: list[str]) -> None:
        cells, listed, types = flat
        for name, attribute in image.items():
            cell, below, named, rule = names[name]
            ((kind, value),) = attribute.items()
            # A rule for the parts of a map alone is applied where they are, below: never twice.
            if rule is not None and (kind != "M" or self._keep_nested or not rule.for_parts_alone):
                applied = redacted(attribute, rule)
                if applied is None:
                    continue
                ((kind, value),) = applied.items()
            if kind == "M" and value and not self._keep_nested:
                self._fill(value, below, flat, collided)
                continue
            if cell in cells:
                collided.append(cell)
            cells[cell] = WRITERS[kind](value)
            if named is not None:
                listed.append(named)
            if kind in _UNTOLD:
                types.append(f'{cell}"{kind}"')
            elif kind in ("L", "M") and (told := shape(kind, value)):
                types.append(cell + told)


def shape(kind: str, value: Any) -> str:
    """The types inside a value that JSON does not tell, as JSON; empty when it tells all.

    The name of a type, for a list the shapes of its elements, for a map those of its values; null where JSON tells.
    """
    if kind in _UNTOLD:
        return f'"{kind}"'
    if kind == "L":
        shapes: Sequence[str] = [shape(*element) for (element,) in map(dict.items, value)]
        return f"[{','.join(one or 'null' for one in shapes)}]" if any(shapes) else ""
    if kind == "M":
        shapes = [
            f"{string_text(name)}:{told}"
            for name, attribute in value.items()
            for one in attribute.items()
            if (told := shape(*one))
        ]
        return f"{{{','.join(shapes)}}}" if shapes else ""
    return ""
