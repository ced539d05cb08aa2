"""Writes the lines of records that look like records before them, without parsing them.

Most records of a table have one of a few shapes: what is left of their text when the values are taken out. A shape that
comes again and again becomes one regular expression and one format: records that match are written by these alone.
Nothing depends on guessing right, since a text is parsed unless all of this holds:

- It is, character for character, that of the shape's first record but for values. A value is a text, a number as JSON
  has it, or the id, time or size of the record. A text is escaped as the line would have it, and needs no escape at all
  where the line has it inside another text, as a key.
- With marks in place of the values that record's text parses, and each mark is the whole of one value where a change
  has values: so what looked like a value was no part of a name or of another text.
- Values are only copied; so there are no shapes where values are hashed or partition the lines.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from handlers.lake_transformer.changes import (
    MAX_LINE_CHARACTERS,
    Change,
    ChangeWriter,
    Happening,
    change_of,
    happening_of,
)

__all__ = ["ShapedWriter"]

# What may be a value: the value of a member, as text or as a whole number.
_ESCAPED = r'(?:[^"\\\x00-\x1f]++|\\["\\bfnrt])*+'
_VALUE = re.compile(rf'":"?+((?<=":"){_ESCAPED}(?=")|(?<=":)(?:0|[1-9][0-9]*+)(?=[,}}]))')

# What may be in the place of a value.
_TEXT = rf"({_ESCAPED})"
_BARE_TEXT = r'([^"\\\x00-\x1f]*+)'
_NUMBER = r"(-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+)"
_WHOLE_NUMBER = r"(0|[1-9][0-9]*+)"
_ATTRIBUTES: Mapping[str, str] = {"S": _TEXT, "B": _BARE_TEXT, "N": _NUMBER}

# Marks in place of values: digits alone, so that they are a text, a number of DynamoDB and a number of JSON.
_FIRST_MARK = 7_000_000_000_000_000_000_000
_MARK = re.compile(r"7[0-9]{21}")
# One inside a text that is JSON itself.
_INNER_MARK = re.compile(rf'\\"({_MARK.pattern})')

# An expression takes a millisecond to make for each kB of text: it is made for a shape that was seen so often, among
# the texts looked at, which are only some, so that a table whose items have no common shapes is not held up.
OFTEN = 8
LOOKED_AT = 4
# How much is remembered: characters of a text, of all texts, and shapes that are counted.
MAX_CHARACTERS = 65_536
MAX_REMEMBERED = 1_000_000
MAX_COUNTED = 10_000


class _Shape(NamedTuple):
    """How a line comes from a text that `match` takes: every second part of `form`, which are the item's cells, is to
    be one of the groups, in the order of `pick`; `id` and `time` are groups."""

    match: Callable[[str], re.Match[str] | None]
    happening: Happening
    id: int
    time: int
    form: list[str]
    pick: Callable[[Sequence[str]], tuple[str, ...]]


class ShapedWriter:
    """Writes changes as lines as `writer` does, quicker when shapes come again."""

    def __init__(self, writer: ChangeWriter) -> None:
        self._writer = writer
        # Shapes by how many quotation marks their texts have, which is quickly told.
        self._shapes: dict[int, list[_Shape]] = {}
        # That of the record before: it is tried first.
        self._last: _Shape | None = None
        self._counts: Counter[int] = Counter()
        self._missed = 0
        self._remembered = 0

    def line(self, text: str, sequence_number: str) -> str:
        """The line of a record's text. Raises ValueError, and what a record that is no change raises."""
        shape = self._last
        match = shape.match(text) if shape is not None else None
        if match is None:
            shape, match = self._found(text)
        if shape is not None and match is not None:
            values = match.groups()
            own = shape.happening.cells(values[shape.id], int(values[shape.time]), sequence_number)
            cells = shape.form.copy()
            cells[1::2] = shape.pick(values)
            line = own + "".join(cells)
            if len(line) <= MAX_LINE_CHARACTERS:
                return line
        return self._writer.line(change_of(text), sequence_number)

    def _found(self, text: str) -> tuple[_Shape, re.Match[str]] | tuple[None, None]:
        """The shape of a text, and how it matches."""
        quotes = text.count('"') - text.count('\\"')
        for shape in self._shapes.get(quotes, ()):
            if match := shape.match(text):
                self._last = shape
                return shape, match
        self._missed += 1
        if self._missed % LOOKED_AT == 0 and len(text) <= MAX_CHARACTERS:
            self._count(text, quotes)
        return None, None

    def _count(self, text: str, quotes: int) -> None:
        """Learn the text's shape when it came often enough."""
        seen = hash(_VALUE.sub("", text))
        self._counts[seen] += 1
        if self._counts[seen] == OFTEN and (shape := _shape(self._writer, text)):
            if self._remembered > MAX_REMEMBERED:
                self._shapes.clear()
                self._remembered = 0
            self._shapes.setdefault(quotes, []).append(shape)
            self._remembered += len(text)
        if len(self._counts) > MAX_COUNTED:
            self._counts.clear()


def _shape(writer: ChangeWriter, text: str) -> _Shape | None:
    """The shape of a text, None when its records are to be parsed."""
    if _MARK.search(text):
        return None
    try:
        # First everything that may be a value is marked, then only what is one.
        spans = [match.span(1) for match in _VALUE.finditer(text)]
        kinds = dict(_values(change_of(_marked(text, spans))))
        spans = [span for number, span in enumerate(spans) if _mark(number) in kinds]
        change = change_of(_marked(text, spans))
        kinds = dict(_values(change))
        marks = [_mark(number) for number in range(len(spans))]
        if sorted(found for found, _ in _values(change) if _MARK.fullmatch(found)) != marks:
            return None
        cells, happening = writer.item_cells(change), happening_of(change)
        event_id = marks.index(change["eventID"])
        time = marks.index(str(change["dynamodb"]["ApproximateCreationDateTime"]))
    # The record itself will be parsed, and fail or not.
    except Exception:
        return None
    kinds |= {mark: _BARE_TEXT for mark in _INNER_MARK.findall(cells) if kinds[mark] == _TEXT}
    picked = [int(mark) - _FIRST_MARK for mark in _MARK.findall(cells)]
    if len(picked) < 2:
        return None
    expression, end = "", 0
    for mark, (start, next_end) in zip(marks, spans, strict=True):
        expression += re.escape(text[end:start]) + kinds[mark]
        end = next_end
    return _Shape(
        re.compile(expression + re.escape(text[end:])).fullmatch,
        happening,
        event_id,
        time,
        re.split(f"({_MARK.pattern})", cells),
        itemgetter(*picked),
    )


def _mark(number: int) -> str:
    return str(_FIRST_MARK + number)


def _marked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """The text with a mark in each of these places."""
    parts, end = [], 0
    for number, (start, next_end) in enumerate(spans):
        parts += [text[end:start], _mark(number)]
        end = next_end
    return "".join([*parts, text[end:]])


def _values(change: Change) -> Iterator[tuple[str, str]]:
    """The values that may differ among the records of a shape, each with what may be in its place."""
    stream = change["dynamodb"]
    yield change["eventID"], _BARE_TEXT
    yield str(stream["ApproximateCreationDateTime"]), _WHOLE_NUMBER
    yield str(stream.get("SizeBytes")), _WHOLE_NUMBER
    for image in ("Keys", "NewImage", "OldImage"):
        yield from _attribute_values("M", stream.get(image) or {})


def _attribute_values(kind: str, value: Any) -> Iterator[tuple[str, str]]:
    if kind in _ATTRIBUTES:
        yield value, _ATTRIBUTES[kind]
    elif kind in ("M", "L"):
        for attribute in value.values() if kind == "M" else value:
            yield from _attribute_values(*next(iter(attribute.items())))
