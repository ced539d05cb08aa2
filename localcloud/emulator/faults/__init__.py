"""Faults on demand: what AWS does on a bad day, selected by account, service, operation and resource, and repeatable.

Rules come through `/_tributary/faults` (`localcloud.faults` is its client) and are off by default: without one, a
request pays for one attribute look-up. Requests from outside meet them between authorization and service. What the
emulator's own engines do in-process (Firehose writing to S3, a mapping reading a stream) does not pass there, so they
ask:

    faults.check(account_id, "s3", "PutObject", object_arn)   raises InjectedFaultError, or sleeps, when a rule says so
    faults.due("duplicate", account_id, "kinesis", "PutRecords", stream_arn)   the rule that is due now, or None

Functions that are invoked in-process meet `throttle` and `crash` in the sandbox, without their invoker's doing.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from functools import partial
from typing import Any

from localcloud.emulator import control
from localcloud.emulator.faults import api, errors
from localcloud.emulator.faults.connections import App, serve
from localcloud.emulator.faults.identification import identify
from localcloud.emulator.faults.injection import Forward, Response, decided, inject
from localcloud.emulator.faults.rules import CALL_EFFECTS, Call, Rule, RuleStore
from localcloud.emulator.patching import replaces
from localcloud.emulator.resetting import on_reset

__all__ = ["LIMITERS", "RULES", "InjectedFaultError", "Rule", "check", "decided", "due", "install"]

RULES = RuleStore()

Limiter = Callable[[Rule, Call, Mapping[str, str], bytes, Forward], Awaitable[Response]]
# What enforces a `throughput` rule, by service.
LIMITERS: dict[str, Limiter] = {}


class InjectedFaultError(Exception):
    """What an in-process call met: `code`, `message` and HTTP `status` of the service's answer."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def check(account_id: str, service: str, operation: str, resource: str = "*") -> None:
    """Let the faults happen that are due for an in-process call; called on a worker thread before the call is made.

    `resource` is an ARN. A timeout or a reset is raised at once, as the error that the caller's SDK would end with.
    Raises InjectedFaultError.
    """
    if not RULES.active:
        return
    call = Call((account_id,), service, operation, (resource,))
    due_now = RULES.due(CALL_EFFECTS, call)
    time.sleep(sum(rule.latency_ms for rule in due_now if rule.effect == "latency") / 1000)
    for rule in due_now:
        if rule.effect == "deny":
            raise InjectedFaultError("AccessDenied", f"{service}:{operation} on {resource} is denied", 403)
        if rule.effect in ("timeout", "reset"):
            raise InjectedFaultError("RequestTimeout", "No answer from the service", 408)
        if rule.effect in ("throttle", "error"):
            fault = errors.of_rule(rule, call)
            raise InjectedFaultError(fault.code, fault.message, fault.status)


def due(effect: str, account_id: str, service: str, operation: str, resource: str = "*") -> Rule | None:
    """The rule with this effect that hits this event now (it counts as a hit), or None.

    Draw further from `rule.random`.
    """
    if not RULES.active:
        return None
    hit = RULES.due((effect,), Call((account_id,), service, operation, (resource,)))
    return hit[0] if hit else None


def install() -> None:
    """Comes last: a fault is met before any other addition's check, though after authorization."""
    from ministack import app

    on_reset(RULES.clear)
    control.route("faults", partial(api.serve, RULES))

    @replaces("ministack.app", "app", source="ab1297bd6cd5")
    async def faulty_app(
        original: App, scope: MutableMapping[str, Any], receive: control.Receive, send: control.Send
    ) -> None:
        await serve(original, scope, receive, send)

    for service, handler in app.SERVICE_HANDLERS.items():
        app.SERVICE_HANDLERS[service] = _met(service, handler)


def _met(service: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    """A service's handler that meets faults."""

    async def handle(method: str, path: str, headers: Any, body: bytes, query_params: Any) -> Response:
        if not RULES.active:
            answer: Response = await handler(method, path, headers, body, query_params)
            return answer
        call, action = identify(service, method, path, headers, body, query_params)

        async def handled(kept: bytes) -> Response:
            answer: Response = await handler(method, path, headers, kept, query_params)
            return answer

        async def forward(kept: bytes) -> Response:
            limiter = LIMITERS.get(service)
            rule = RULES.selecting("throughput", call) if limiter else None
            return await limiter(rule, call, headers, kept, handled) if limiter and rule else await handled(kept)

        return await inject(RULES, call, action, headers, body, forward)

    return handle
