"""A target ready for use: what it gets of records, how that is packed, and the way to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from handlers.fan_out.access import access_of
from handlers.fan_out.contract import Message
from handlers.fan_out.delivery import Outcome, Patience, Way, deliver
from handlers.fan_out.inputs import Inputs
from handlers.fan_out.mapping import Target
from handlers.fan_out.packing import Packed, Packing
from handlers.fan_out.rendering import render
from handlers.shared.clients import READ_TIMEOUT_S
from handlers.shared.poison import Poison

__all__ = ["Route", "deliver_to", "longest_answer_s", "route_of"]


class Route(NamedTuple):
    """A row of the mapping table, made into functions.

    `render` makes messages of the records of an event, and says of which none can be made; `pack` joins messages as
    the row says; `retry_s` is how long a message may wait in the backlog. `answer_s` is how long a call may last, in
    seconds; a target that is not `direct` may take longer than others should wait, and gets everything by its backlog.
    """

    target: str
    way: Way
    render: Callable[[Inputs], Iterable[Message | Poison]]
    pack: Callable[[Iterable[Message]], Packed]
    retry_s: int
    answer_s: float = READ_TIMEOUT_S
    direct: bool = True


def longest_answer_s(patience_s: float) -> float:
    """How long an answer on the direct lane may take: who is silent for a target's patience has none of it left."""
    return min(patience_s, READ_TIMEOUT_S)


def route_of(target: Target, answer_s: float = READ_TIMEOUT_S) -> Route:
    """The way of a row's messages to their target; `answer_s` is how long an answer may take that is no work of its
    own."""
    row, destination, limits = target.row, target.destination, target.limits
    longest_s = destination.answer_s(target.address) or answer_s
    by_target = destination.ordered(target.address)
    packing = Packing(limits, row.collapse if destination.collapses else "none", by_target)
    send = destination.open(row, target.address, access_of(row, longest_s))
    return Route(
        row.id,
        Way(send, limits, target.ordered, row.calls, packing.apart),
        lambda inputs: render(inputs, row, destination.takes_records),
        packing.units,
        row.retry_seconds,
        longest_s,
        longest_s <= answer_s,
    )


def deliver_to(
    route: Route, messages: Sequence[Message], patience: Patience, helpers: Executor | None = None
) -> Outcome:
    """Packs messages and delivers them; what cannot be packed is poison like what is refused."""
    packed = route.pack(messages)
    outcome = deliver(packed.units, route.way, patience, helpers)
    outcome.poison += packed.poison
    return outcome
