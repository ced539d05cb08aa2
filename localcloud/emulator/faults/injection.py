"""Lets a fault happen to one API request, between its authorization and the service that handles it."""

import asyncio
import contextvars
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from localcloud.emulator.faults import batches, errors, form_batches
from localcloud.emulator.faults.rules import CALL_EFFECTS, Call, Rule, RuleStore

Response = tuple[int, dict[str, str], Any]
Forward = Callable[[bytes], Awaitable[Response]]

# Set while a request from outside is handled: what it may meet has been decided, and is not decided again further in.
decided: contextvars.ContextVar[bool] = contextvars.ContextVar("faults_decided", default=False)


# Set while there is a client whose connection can be broken; the emulator's calls to itself have none.
connected: contextvars.ContextVar[bool] = contextvars.ContextVar("client_connected", default=False)

# What ends the environment that makes a call, given the ARN of its session; put there by the sandbox.
_aborts: list[Callable[[str], None]] = []


class NoAnswer(BaseException):
    """The client gets no answer.

    Silence, or a connection that is reset. Not an Exception, so that no service answers for it.
    """

    def __init__(self, reset: bool) -> None:
        super().__init__()
        self.reset = reset


async def inject(
    rules: RuleStore, call: Call, action: str, headers: Mapping[str, str], body: bytes, forward: Forward
) -> Response:
    """Answer a request under the rules; `forward` handles a body as if there were none. Raises NoAnswer."""
    due = rules.due(CALL_EFFECTS, call)
    await asyncio.sleep(_latency_s(due, applied=False))
    answer = await _answer(due, call, action, headers, body, forward)
    await asyncio.sleep(_latency_s(due, applied=True))
    return answer


def _latency_s(due: Sequence[Rule], applied: bool) -> float:
    """How long the call waits, or when it is applied the answer."""
    return sum(rule.latency_ms for rule in due if rule.effect == "latency" and rule.applied is applied) / 1000


async def _answer(
    due: Sequence[Rule], call: Call, action: str, headers: Mapping[str, str], body: bytes, forward: Forward
) -> Response:
    rule = next((rule for rule in due if rule.effect != "latency"), None)
    decided.set(True)
    if rule is None:
        return await forward(body)
    if rule.effect == "partial":
        return await _partial(rule, call, headers, body, forward)
    if rule.applied:
        await forward(body)
    if rule.effect == "abort":
        for abort in _aborts:
            abort(_caller())
    if rule.effect in ("timeout", "reset", "abort") and connected.get():
        raise NoAnswer(reset=rule.effect != "timeout")
    request_id = str(uuid.uuid4())
    if rule.effect == "deny":
        return errors.denied(call, action, _caller(), headers, request_id)
    if rule.effect == "expire":
        return errors.expired(call.service, headers, request_id)
    return errors.response(errors.of_rule(rule, call), call.service, headers, request_id)


async def _partial(rule: Rule, call: Call, headers: Mapping[str, str], body: bytes, forward: Forward) -> Response:
    """Hold a part of a batch back. When it is the whole batch, the service refuses the request as throttled."""
    kept, complete = _divided(rule, call, body)
    if kept is None:
        throttle = Rule(id=rule.id, effect="throttle")
        return errors.response(errors.of_rule(throttle, call), call.service, headers, str(uuid.uuid4()))
    status, reply_headers, reply = await forward(kept)
    if status != 200 or complete is None:
        return status, reply_headers, reply
    # The checksum that the service computed is of the shorter answer.
    kept_headers = {name: value for name, value in reply_headers.items() if name.lower() != "x-amz-crc32"}
    return status, kept_headers, complete(reply)


def _divided(rule: Rule, call: Call, body: bytes) -> tuple[bytes | None, Callable[[bytes], bytes] | None]:
    """The request to forward (None: all is held back), and what puts the rest into its answer (None: nothing is)."""
    if (call.service, call.operation) in form_batches.OPERATIONS:
        kept, ids = form_batches.split(body, rule.share, rule.random)
        return kept, (lambda reply: form_batches.complete(reply, ids)) if ids else None
    batch = batches.BATCHES.get((call.service, call.operation))
    if batch is None:
        return body, None
    kept, request, left_out = batches.split(batch, body, rule.share, rule.random)
    if not left_out:
        return kept, None
    return kept, lambda reply: json.dumps(batch.complete(json.loads(reply), request, left_out)).encode()


def on_abort(abort: Callable[[str], None]) -> None:
    """Have `abort` called with the ARN of the session whose environment an `abort` rule ends."""
    _aborts.append(abort)


def _caller() -> str:
    from ministack.core.iam_evaluator import caller_arn

    return str(caller_arn())
