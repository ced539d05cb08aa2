"""Delivers units to one target: what failed is tried again until the patience is over, and poison is told apart.

The way of the data: units -> calls of those that are ready -> what a call did not take -> ready again, later.

Where an order is kept, a unit is ready when every earlier unit that shares a key with it is delivered or set aside. So
two of one key are never in one call or under way together, and after one that was not taken no later one is sent.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from handlers.fan_out.contract import Limits, Message, Send, Unit
from handlers.shared import time_budget
from handlers.shared.errors import Cause, cause_of, describe
from handlers.shared.poison import unforeseen

__all__ = ["Outcome", "Patience", "Way", "deliver"]


def _each_alone(unit: Unit) -> list[Unit]:
    return [Unit(message.data, (message,)) for message in unit.messages]


class Way(NamedTuple):
    """How a target is called: `calls` is how many calls may be under way at once, `ordered` whether the messages of a
    key keep their order. `apart` makes of a joined unit one for each of its messages (handlers.fan_out.packing)."""

    send: Send
    limits: Limits
    ordered: bool = False
    calls: int = 1
    apart: Callable[[Unit], list[Unit]] = _each_alone


class Patience(NamedTuple):
    """How long new calls are made: until `until_s` on `clock`; `uniform` draws a number between its two arguments."""

    until_s: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    uniform: Callable[[float, float], float] = random.uniform

    def left_s(self) -> float:
        """Seconds left, negative when it is over."""
        return self.until_s - self.clock()


class Outcome:
    """What became of the messages.

    `left` are those that the target did not take, in their order, `tried` the ids of those of them that were in a call,
    and `reason` says why at the last attempt; `poison` are those that it never will. `delivered` and `retried` count
    messages, the latter once per retry.
    """

    def __init__(self) -> None:
        self.left: list[Message] = []
        self.tried: set[str] = set()
        self.poison: list[tuple[Message, str]] = []
        self.reason = ""
        self.calls = self.delivered = self.retried = 0

    @property
    def progressed(self) -> bool:
        """Whether anything is behind us that was not before."""
        return bool(self.delivered or self.poison)


def deliver(units: Iterable[Unit], way: Way, patience: Patience, helpers: Executor | None = None) -> Outcome:
    """Delivers the units; no call is under way any more when this returns.

    `helpers` lends threads for the calls beyond the first that are under way at once; without it, or while it has none
    free, calls follow each other. An exception that no call raises (a mistake in a destination) is an outage like any
    other: it must not reach the other targets.
    """
    run = _Run(units, way, patience)
    lent = [helpers.submit(run.work) for _ in range(way.calls - 1)] if helpers else []
    run.work()
    for future in lent:
        if not future.cancel():
            future.result()
    return run.outcome()


class _Node:
    """A unit on its way. `missing` counts the nodes that have to be done before it, `followers` wait for it. A joined
    unit that is refused has its messages as `parts`, which have it as `whole`."""

    __slots__ = ("done", "followers", "missing", "parts", "parts_left", "tried", "unit", "whole")

    def __init__(self, unit: Unit, whole: _Node | None = None) -> None:
        self.unit = unit
        self.whole = whole
        self.missing = 0
        self.followers: list[_Node] = []
        self.parts: Sequence[_Node] = ()
        self.parts_left = 0
        self.tried = self.done = False


def _nodes(units: Iterable[Unit], ordered: bool, whole: _Node | None = None) -> list[_Node]:
    nodes = [_Node(unit, whole) for unit in units]
    if ordered:
        last: dict[str, _Node] = {}
        for node in nodes:
            keys = {message.key for message in node.unit.messages}
            for before in {last[key] for key in keys if key in last}:
                before.followers.append(node)
                node.missing += 1
            last.update(dict.fromkeys(keys, node))
    return nodes


class _Run:
    """One delivery. Each thread that calls `work` takes calls until nothing is left, or the patience is over."""

    def __init__(self, units: Iterable[Unit], way: Way, patience: Patience) -> None:
        self._way, self._patience = way, patience
        self._nodes = _nodes(units, way.ordered)
        self._ready = deque(node for node in self._nodes if not node.missing)
        self._found = Outcome()
        self._under_way = 0
        self._failures = 0
        self._resume_s = 0.0
        # A call that got no answer in time is made again with half its units, and so are those after it.
        self._most = way.limits.call_units
        self._changed = threading.Condition()

    def outcome(self) -> Outcome:
        """What became of the messages; for when no thread works any more."""
        for node in self._nodes:
            for part in _left(node):
                self._found.left += part.unit.messages
                if part.tried:
                    self._found.tried.update(message.id for message in part.unit.messages)
        return self._found

    def work(self) -> None:
        """Makes calls until there are none to make."""
        while nodes := self._next():
            try:
                self._call(nodes)
            finally:
                with self._changed:
                    self._under_way -= 1
                    self._changed.notify_all()

    def _next(self) -> list[_Node]:
        """The units of the next call; none when all is done, or the time is over."""
        while True:
            with self._changed:
                while not self._ready and self._under_way:
                    self._changed.wait()
                left_s = self._patience.left_s()
                pause_s = self._resume_s - self._patience.clock()
                if not self._ready or left_s <= 0 or pause_s >= left_s:
                    return []
                if pause_s <= 0:
                    self._under_way += 1
                    return self._gathered()
            self._patience.sleep(pause_s)

    def _gathered(self) -> list[_Node]:
        """As many ready units as a call takes, and at least one."""
        limits, call, size_bytes = self._way.limits, list[_Node](), 0
        while self._ready and len(call) < self._most:
            node = self._ready[0]
            size_bytes += len(node.unit.body) + limits.overhead(node.unit)
            if call and size_bytes > limits.call_bytes:
                break
            call.append(self._ready.popleft())
            if node.tried:
                self._found.retried += len(node.unit.messages)
            node.tried = True
        return call

    def _call(self, nodes: list[_Node]) -> None:
        with self._changed:
            self._found.calls += 1
        try:
            refused = self._way.send([node.unit for node in nodes])
        except Exception as error:
            cause, reason = _judged(error)
            if cause is Cause.RECORD and len(nodes) > 1:
                self._search(nodes)
            elif cause is Cause.RECORD:
                self._settle(nodes, {nodes[0].unit.id: (cause, reason)})
            else:
                self._settle(nodes, {node.unit.id: (cause, reason) for node in nodes})
        else:
            self._settle(nodes, {one.unit.id: (one.cause, one.reason) for one in refused})

    def _search(self, nodes: list[_Node]) -> None:
        """Finds the unit for which the whole call is refused."""
        middle = len(nodes) // 2
        for half in (nodes[:middle], nodes[middle:]):
            if self._patience.left_s() > 0:
                self._call(half)
            else:
                with self._changed:
                    self._ready.extendleft(reversed(half))

    def _settle(self, nodes: list[_Node], refused: dict[str, tuple[Cause, str]]) -> None:
        """Takes note of a call's answer."""
        with self._changed:
            again, slow = [], False
            for node in nodes:
                cause, reason = refused.get(node.unit.id, (None, ""))
                if cause is None:
                    self._found.delivered += len(node.unit.messages)
                    self._finish(node)
                elif cause is Cause.RECORD:
                    self._refused(node, reason)
                else:
                    again.append(node)
                    self._found.reason = reason
                    slow = slow or cause is Cause.SLOW
            if slow:
                # One of them may be what takes so long: the others have their turn before it.
                self._most = max(1, len(nodes) // 2)
                self._ready.extend(again)
            else:
                self._ready.extendleft(reversed(again))
            if len(again) < len(nodes):
                self._failures = 0
            if again:
                self._resume_s = self._patience.clock() + self._delay_s()
                self._failures += 1

    def _refused(self, node: _Node, reason: str) -> None:
        """What becomes of a unit that the target never takes: of a joined one, each message is sent by itself."""
        messages = node.unit.messages
        if len(messages) == 1:
            self._found.poison.append((messages[0], reason))
            self._finish(node)
            return
        node.parts = _nodes(self._way.apart(node.unit), self._way.ordered, node)
        node.parts_left = len(messages)
        self._ready.extendleft(part for part in reversed(node.parts) if not part.missing)

    def _finish(self, node: _Node) -> None:
        node.done = True
        for follower in node.followers:
            follower.missing -= 1
            if not follower.missing:
                self._ready.append(follower)
        if node.whole is not None:
            node.whole.parts_left -= 1
            if not node.whole.parts_left:
                self._finish(node.whole)

    def _delay_s(self) -> float:
        """https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ (full jitter)"""
        longest_s = min(time_budget.MAX_DELAY_S, time_budget.BASE_DELAY_S * 2 ** min(self._failures, 10))
        return self._patience.uniform(0.0, longest_s)


def _left(node: _Node) -> Iterator[_Node]:
    for part in node.parts or (node,):
        if not part.done:
            yield part


def _judged(error: Exception) -> tuple[Cause, str]:
    try:
        return cause_of(error), describe(error)
    except Exception:
        return Cause.TRANSIENT, unforeseen(error)
