"""Packs the messages of a target: messages -> units (`collapse`).

| `collapse` | body of a unit |
|---|---|
| `none` | the data of one message |
| `JSON` | `{"Records":[…]}`, the data of its messages, which must be JSON |
| `concat` | the data of its messages, one behind the other |
| `concat-b64` | the same in base64 |

https://github.com/aws-samples/aws-lambda-fanout#configuration-entries
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from handlers.fan_out.contract import Limits, Message, Unit
from handlers.fan_out.json_text import text_of

__all__ = ["Packed", "Packing"]


class Collapse(NamedTuple):
    """A way of joining: what a message's data contributes, the body of such pieces, and its size for so many bytes in
    so many pieces. `piece` raises ValueError for data that cannot be joined."""

    piece: Callable[[bytes], bytes]
    body: Callable[[Sequence[bytes]], bytes]
    size: Callable[[int, int], int]


def _as_is(data: bytes) -> bytes:
    return data


_COLLAPSES: Mapping[str, Collapse] = {
    "JSON": Collapse(
        lambda data: text_of(data).encode(),
        lambda pieces: b'{"Records":[%b]}' % b",".join(pieces),
        lambda size, count: len('{"Records":[]}') + size + count - 1,
    ),
    "concat": Collapse(_as_is, b"".join, lambda size, _count: size),
    "concat-b64": Collapse(
        _as_is, lambda pieces: b64encode(b"".join(pieces)), lambda size, _count: (size + 2) // 3 * 4
    ),
}


class Packed(NamedTuple):
    """Units in the order of their first messages, and the messages that the target can never take, with the reason."""

    units: list[Unit]
    poison: list[tuple[Message, str]]


class Packing(NamedTuple):
    """How messages become units: within which limits, joined how (`none`: not at all), and whether only messages of one
    partition key are joined."""

    limits: Limits
    collapse: str = "none"
    by_key: bool = False

    def units(self, messages: Iterable[Message]) -> Packed:
        """The units of messages that are in order; within a unit they stay so."""
        packed = Packed([], [])
        joined = _COLLAPSES.get(self.collapse)
        if joined is None:
            self._close([Unit(message.data, (message,)) for message in messages], packed)
        else:
            self._close([unit for group in self._groups(messages, joined, packed) for unit in self._fit(group)], packed)
        return packed

    def apart(self, unit: Unit) -> list[Unit]:
        """A unit's messages, each as a unit by itself."""
        return [self._unit((message,)) for message in unit.messages]

    def _groups(self, messages: Iterable[Message], joined: Collapse, packed: Packed) -> list[list[Message]]:
        """Messages that go into one unit, by their sizes; what cannot be joined is poison."""
        groups: list[list[Message]] = []
        # Of the newest group of each key: itself, its bytes, and what they may be at most.
        newest: dict[str, tuple[list[Message], int, int]] = {}
        for message in messages:
            try:
                size = len(joined.piece(message.data))
            except ValueError as error:
                packed.poison.append((message, f"{error}; `collapse` {self.collapse} cannot join it"))
                continue
            key = message.key if self.by_key else ""
            group, total, most = newest.get(key, ([], 0, 0))
            if not group or joined.size(total + size, len(group) + 1) > most:
                group, total, most = [], 0, self._room(message)
                groups.append(group)
            group.append(message)
            newest[key] = (group, total + size, most)
        return groups

    def _fit(self, messages: Sequence[Message]) -> list[Unit]:
        """One unit of the messages, or more where an overhead that grows with them makes it too large."""
        unit = self._unit(messages)
        if len(messages) == 1 or self._size(unit) <= self._most():
            return [unit]
        middle = len(messages) // 2
        return [*self._fit(messages[:middle]), *self._fit(messages[middle:])]

    def _unit(self, messages: Sequence[Message]) -> Unit:
        joined = _COLLAPSES.get(self.collapse)
        if joined is None:
            (message,) = messages
            return Unit(message.data, (message,))
        return Unit(joined.body([joined.piece(message.data) for message in messages]), tuple(messages))

    def _close(self, units: Iterable[Unit], packed: Packed) -> None:
        """Sets units aside that are too large alone."""
        most = self._most()
        for unit in units:
            size = self._size(unit)
            if size <= most:
                packed.units.append(unit)
            else:
                reason = f"it has {size} bytes, and the target takes {most} at most"
                packed.poison.extend((message, reason) for message in unit.messages)

    def _size(self, unit: Unit) -> int:
        return len(unit.body) + self.limits.overhead(unit)

    def _room(self, first: Message) -> int:
        """How large the body of a unit may be that begins with this message."""
        return self._most() - self.limits.overhead(Unit(b"", (first,)))

    def _most(self) -> int:
        return min(self.limits.unit_bytes, self.limits.call_bytes)
