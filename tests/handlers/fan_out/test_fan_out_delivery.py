"""How a target is delivered to: which calls are made, what is tried again, and what is left."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.fan_out.contract import Limits, Message, Refused, Unit
from handlers.fan_out.delivery import Outcome, Patience, Way, deliver
from handlers.shared.errors import Cause

pytestmark = pytest.mark.pure

LIMITS = Limits(call_units=10, call_bytes=10_000, unit_bytes=1_000)


class Time:
    """A clock that only sleeping, and what a test adds, moves on; pauses are as long as they may be."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept_s: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    def patience(self, seconds: float = 2.0) -> Patience:
        return Patience(self.now_s + seconds, lambda: self.now_s, self.sleep, lambda _low, high: high)


class Target:
    """Takes what `answer` neither refuses nor raises an error for."""

    def __init__(self, answer: Callable[[Sequence[Unit]], Sequence[Refused]] = lambda _units: ()) -> None:
        self.answer = answer
        self.calls: list[list[bytes]] = []
        self.taken: list[int] = []

    def send(self, units: Sequence[Unit]) -> Sequence[Refused]:
        self.calls.append([unit.body for unit in units])
        refused = self.answer(units)
        left = {one.unit.id for one in refused}
        self.taken += [one.position for unit in units if unit.id not in left for one in unit.messages]
        return refused


def message(number: int, key: str = "", data: bytes = b"") -> Message:
    return Message(number, None, key or f"key-{number}", f"shard:{number}", data or b"%d" % number)


def alone(*messages: Message) -> list[Unit]:
    return [Unit(one.data, (one,)) for one in messages]


def joined(*messages: Message) -> Unit:
    return Unit(b",".join(one.data for one in messages), messages)


def refusing(cause: Cause, *positions: int) -> Callable[[Sequence[Unit]], Sequence[Refused]]:
    """Refuses the units that begin with these messages, one by one."""
    return lambda units: [Refused(unit, cause, "no") for unit in units if unit.messages[0].position in positions]


def failing(error: Exception, *positions: int) -> Callable[[Sequence[Unit]], Sequence[Refused]]:
    """Fails each call that has one of these messages in it, as a whole."""

    def answer(units: Sequence[Unit]) -> Sequence[Refused]:
        if any(one.position in positions for unit in units for one in unit.messages):
            raise error
        return ()

    return answer


def in_turn(*answers: Callable[[Sequence[Unit]], Sequence[Refused]]) -> Callable[[Sequence[Unit]], Sequence[Refused]]:
    """One answer after the other; the last one for good."""
    left = list(answers)
    return lambda units: (left.pop(0) if len(left) > 1 else left[0])(units)


def takes(_units: Sequence[Unit]) -> Sequence[Refused]:
    return ()


def left(outcome: Outcome) -> list[int]:
    return [one.position for one in outcome.left]


def poison(outcome: Outcome) -> list[int]:
    return sorted(one.position for one, _ in outcome.poison)


UNACCEPTABLE = ClientError({"Error": {"Code": "ValidationException", "Message": "no"}}, "Send")
DENIED = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Send")
UNANSWERED = ReadTimeoutError(endpoint_url="https://example.com")


def test_calls_hold_as_much_as_the_service_takes() -> None:
    target = Target()
    limits = Limits(call_units=3, call_bytes=100, unit_bytes=100, overhead=lambda unit: len(unit.key))
    units = alone(*(message(number, "k" * 10, b"x" * size) for number, size in enumerate((1, 1, 1, 1, 79, 90))))

    outcome = deliver(units, Way(target.send, limits), Time().patience())

    assert [list(map(len, call)) for call in target.calls] == [[1, 1, 1], [1, 79], [90]]
    assert (outcome.calls, outcome.delivered) == (3, 6)
    assert not outcome.left + outcome.poison
    assert not outcome.retried


def test_only_what_was_not_taken_is_sent_again() -> None:
    target = Target(in_turn(refusing(Cause.TRANSIENT, 1, 3), refusing(Cause.TRANSIENT, 3), takes))
    time = Time()

    outcome = deliver(alone(*map(message, range(4))), Way(target.send, LIMITS), time.patience())

    assert target.calls == [[b"0", b"1", b"2", b"3"], [b"1", b"3"], [b"3"]]
    assert (outcome.delivered, outcome.retried, outcome.left, outcome.poison) == (4, 3, [], [])
    assert time.slept_s == [0.05, 0.05]  # a call that got on begins the backoff anew


def test_the_patience_is_over_and_what_is_left_is_in_order() -> None:
    target = Target(refusing(Cause.REFUSED, 1, 2))
    time = Time()

    outcome = deliver(alone(*map(message, range(5))), Way(target.send, LIMITS), time.patience(2))

    assert (left(outcome), outcome.delivered, outcome.reason) == ([1, 2], 3, "no")
    assert time.slept_s == pytest.approx(
        [0.05, 0.1, 0.2, 0.4, 0.8]
    )  # the next would last longer than the time that is left
    assert sorted(target.taken) == [0, 3, 4]


def test_without_time_nothing_is_sent() -> None:
    target = Target()
    outcome = deliver(alone(message(0), message(1)), Way(target.send, LIMITS), Time().patience(0))
    assert (target.calls, left(outcome), outcome.progressed) == ([], [0, 1], False)


def test_units_that_share_a_key_follow_each_other() -> None:
    target = Target()
    units = alone(*(message(number, key) for number, key in enumerate("aabacb")))

    deliver(units, Way(target.send, LIMITS, ordered=True), Time().patience())

    assert target.calls == [[b"0", b"2", b"4"], [b"1", b"5"], [b"3"]]


def test_after_one_that_was_not_taken_no_later_one_of_its_key_is_sent() -> None:
    target = Target(refusing(Cause.TRANSIENT, 1))
    units = alone(*(message(number, key) for number, key in enumerate("aabbac")))

    outcome = deliver(units, Way(target.send, LIMITS, ordered=True), Time().patience())

    assert left(outcome) == [1, 4]
    assert sorted(target.taken) == [0, 2, 3, 5]


def test_a_joined_unit_keeps_the_order_of_each_of_its_keys() -> None:
    target = Target(refusing(Cause.TRANSIENT, 0))
    units = [joined(message(0, "a"), message(1, "b")), *alone(message(2, "b"), message(3, "c"), message(4, "a"))]

    outcome = deliver(units, Way(target.send, LIMITS, ordered=True), Time().patience())

    assert left(outcome) == [0, 1, 2, 4]
    assert target.taken == [3]


def test_of_a_refused_call_only_the_culprit_is_poison() -> None:
    target = Target(failing(UNACCEPTABLE, 5))

    outcome = deliver(alone(*map(message, range(8))), Way(target.send, LIMITS), Time().patience())

    assert (poison(outcome), outcome.left) == ([5], [])
    assert sorted(target.taken) == [0, 1, 2, 3, 4, 6, 7]
    assert outcome.poison[0][1] == "Send was answered ValidationException: no"


def test_a_unit_that_the_service_names_is_poison_at_once() -> None:
    target = Target(refusing(Cause.RECORD, 1))
    outcome = deliver(alone(message(0), message(1), message(2)), Way(target.send, LIMITS), Time().patience())
    assert (poison(outcome), target.taken, len(target.calls)) == ([1], [0, 2], 1)


@pytest.mark.parametrize("answer", [failing, lambda error, *at: refusing(Cause.RECORD, *at)], ids=["call", "unit"])
def test_a_joined_unit_that_is_refused_is_taken_apart(answer: Callable[..., object]) -> None:
    """Its messages are sent by themselves, in order, and what shares a key with them waits until they are done."""
    target = Target()

    def judge(units: Sequence[Unit]) -> Sequence[Refused]:
        bad = [unit for unit in units if any(one.position == 1 for one in unit.messages)]
        return answer(UNACCEPTABLE, *(unit.messages[0].position for unit in bad))(units)  # type: ignore[no-any-return,operator]

    target.answer = judge
    units = [joined(message(0, "a"), message(1, "b"), message(2, "a")), *alone(message(3, "a"), message(4, "c"))]

    outcome = deliver(units, Way(target.send, LIMITS, ordered=True), Time().patience())

    assert (poison(outcome), outcome.left, outcome.delivered) == ([1], [], 4)
    assert [one for one in target.taken if one != 4] == [0, 2, 3]


def test_what_a_joined_unit_still_has_when_the_time_is_over_is_left() -> None:
    target = Target(in_turn(refusing(Cause.RECORD, 0), refusing(Cause.TRANSIENT, 1)))

    outcome = deliver([joined(*map(message, range(3)))], Way(target.send, LIMITS), Time().patience())

    assert (left(outcome), target.taken) == ([1], [0, 2])


def test_a_call_that_gets_no_answer_is_made_again_with_half_its_units() -> None:
    def answer(units: Sequence[Unit]) -> Sequence[Refused]:
        if len(units) > 2:
            raise UNANSWERED
        return ()

    target = Target(answer)

    outcome = deliver(alone(*map(message, range(8))), Way(target.send, LIMITS), Time().patience())

    assert list(map(len, target.calls)) == [8, 4, 2, 2, 2, 2]
    assert (outcome.delivered, outcome.left) == (8, [])


def test_units_that_were_too_many_to_be_taken_in_time_are_sent_again_with_half_of_them() -> None:
    """A function that fails says so in its answer; alone, a message over which it stumbles holds up nobody."""

    def answer(units: Sequence[Unit]) -> Sequence[Refused]:
        bad = any(unit.body == b"5" for unit in units)
        return [Refused(unit, Cause.SLOW, "it failed") for unit in units] if bad else ()

    target = Target(answer)

    outcome = deliver(alone(*map(message, range(8))), Way(target.send, LIMITS), Time().patience())

    assert list(map(len, target.calls))[:3] == [8, 4, 4]
    assert (outcome.delivered, left(outcome), outcome.poison) == (7, [5], [])


def test_no_permission_is_an_outage() -> None:
    target = Target(failing(DENIED, 0))
    outcome = deliver(alone(message(0), message(1)), Way(target.send, LIMITS), Time().patience())
    assert (left(outcome), outcome.poison, outcome.reason) == (
        [0, 1],
        [],
        "Send was answered AccessDeniedException: no",
    )


def test_a_mistake_in_a_destination_is_an_outage_of_it_and_tells_no_data() -> None:
    target = Target(failing(KeyError("secret"), 0))
    outcome = deliver(alone(message(0)), Way(target.send, LIMITS), Time().patience())
    assert left(outcome) == [0]
    assert outcome.reason.startswith("KeyError in answer (test_fan_out_delivery.py:")


def test_several_calls_are_under_way_at_once_and_never_two_of_a_key() -> None:
    together = threading.Barrier(2)
    busy: set[str] = set()

    def answer(units: Sequence[Unit]) -> Sequence[Refused]:
        keys = {unit.key for unit in units}
        assert not keys & busy
        busy.update(keys)
        together.wait(timeout=30)  # returns only when another call is under way
        busy.difference_update(keys)
        return ()

    target = Target(answer)
    units = alone(*(message(number, key) for number, key in enumerate("abab")))
    limits = LIMITS._replace(call_units=1)

    with ThreadPoolExecutor(1) as helpers:
        outcome = deliver(units, Way(target.send, limits, ordered=True, calls=2), Time().patience(), helpers)

    assert (outcome.delivered, outcome.left, outcome.reason) == (4, [], "")


CAUSES = st.sampled_from([None, None, Cause.TRANSIENT, Cause.REFUSED, Cause.RECORD, "call", "record", "slow"])


@settings(max_examples=200)
@given(
    groups=st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), max_size=12),
    answers=st.lists(st.tuples(CAUSES, st.integers(0, 20)), max_size=20),
    seconds=st.sampled_from([0.1, 2.0]),
    ordered=st.booleans(),
)
def test_every_message_is_delivered_once_or_poison_or_left_and_keys_are_in_order(
    groups: list[list[str]], answers: list[tuple[object, int]], seconds: float, ordered: bool
) -> None:
    numbers = iter(range(100))
    units = [joined(*(message(next(numbers), key) for key in group)) for group in groups]
    script = iter(answers)

    def answer(sent: Sequence[Unit]) -> Sequence[Refused]:
        what, which = next(script, (None, 0))
        if isinstance(what, Cause):
            return [Refused(sent[which % len(sent)], what, "no")]
        if what is not None:
            raise {"call": DENIED, "record": UNACCEPTABLE, "slow": UNANSWERED}[str(what)]
        return ()

    target = Target(answer)

    outcome = deliver(units, Way(target.send, LIMITS._replace(call_units=3), ordered), Time().patience(seconds))

    everything = [one.position for unit in units for one in unit.messages]
    assert sorted([*target.taken, *left(outcome), *poison(outcome)]) == everything
    assert left(outcome) == sorted(left(outcome))
    assert outcome.delivered == len(target.taken)
    if ordered:
        key_of = {one.position: one.key for unit in units for one in unit.messages}
        by_key = defaultdict(list)
        for position in [*target.taken, *left(outcome)]:
            by_key[key_of[position]].append(position)
        assert all(positions == sorted(positions) for positions in by_key.values())
