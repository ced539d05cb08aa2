"""Which faults are wanted, and whether one is due now: rules with selectors, rates, counts and seeds; no I/O.

A rule is repeatable: it decides by its own random generator, seeded by `seed`, one draw for each matching call, so the
same calls in the same order meet the same faults.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from random import Random
from typing import Any

# What a rule can do, for the message about one that is not known; the effects of the first line hit API calls.
CALL_EFFECTS = ("latency", "throttle", "error", "timeout", "reset", "deny", "expire", "partial", "abort")
ENGINE_EFFECTS = ("crash", "duplicate", "reorder", "throughput")
EFFECTS = CALL_EFFECTS + ENGINE_EFFECTS


class RuleError(ValueError):
    """A rule that cannot be: the message names the field, what was found and what is right."""


@dataclass(frozen=True)
class Call:
    """What a rule is matched against.

    `operation` is the API operation (for S3 the IAM action's name, such as PutObject or ListBucket); `resources` are
    the ARNs that the call addresses; `accounts` are the caller's account and the owner's; `access_key` may be empty.
    """

    accounts: tuple[str, ...]
    service: str
    operation: str
    resources: tuple[str, ...] = ()
    access_key: str = ""


@dataclass
class Rule:
    """One fault.

    Selectors left at None match everything; `service`, `operation` and `resource` may hold `*` and `?`. A resource is
    its ARN, its name, or for S3 `bucket/key`. Of the matching calls, `skip` pass first, then `rate` (0 to 1) of them
    are hit, at most `count` times and for `duration_s` seconds. `applied` lets the operation take place and spoils
    its answer only. `share` is the part of a batch that `partial` leaves out; `latency_ms` is what `latency` adds;
    `code`, `message` and `status` replace the service's own.
    """

    id: str
    effect: str
    account: str | None = None
    service: str | None = None
    operation: str | None = None
    resource: str | None = None
    skip: int = 0
    rate: float = 1.0
    count: int | None = None
    duration_s: float | None = None
    seed: int = 0
    applied: bool = False
    share: float = 0.5
    latency_ms: float = 0.0
    code: str | None = None
    message: str | None = None
    status: int | None = None
    seen: int = 0
    hit: int = 0
    random: Random = field(default_factory=Random, repr=False)
    expired_keys: set[str] = field(default_factory=set, repr=False)
    state: dict[Any, Any] = field(default_factory=dict, repr=False)  # what a limiter remembers
    _since: float = field(default_factory=time.monotonic, repr=False)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    def selects(self, call: Call) -> bool:
        """Whether the selectors match and the rule's time is not over."""
        return (
            (self.account is None or self.account in call.accounts)
            and _matches(self.service, (call.service,))
            and _matches(self.operation, (call.operation,))
            and (self.resource is None or any(_matches(self.resource, names_of(arn)) for arn in call.resources))
            and (self.duration_s is None or time.monotonic() - self._since < self.duration_s)
        )

    def strikes(self, call: Call) -> bool:
        """Count a call that the rule selects, and say whether it is hit."""
        if self.effect == "expire":
            return self._expires(call.access_key)
        self.seen += 1
        if self.seen <= self.skip or (self.count is not None and self.hit >= self.count):
            return False
        if self.rate < 1.0 and self.random.random() >= self.rate:
            return False
        self.hit += 1
        return True

    def _expires(self, access_key: str) -> bool:
        """Temporary credentials stay expired once they are; new ones are good when `count` of them have expired."""
        if not access_key.startswith("ASIA"):
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        if access_key not in self.expired_keys:
            if self.count is not None and len(self.expired_keys) >= self.count:
                return False
            self.expired_keys.add(access_key)
        self.hit += 1
        return True

    def described(self) -> dict[str, Any]:
        """The rule as the control API shows it."""
        shown = ("id", *_SETTABLE, "seen", "hit")
        return {name: value for name in shown if (value := getattr(self, name)) is not None}


_SETTABLE = {
    one.name: one
    for one in fields(Rule)
    if one.name not in ("id", "seen", "hit", "random", "expired_keys", "state", "_since")
}


def parse(rule_id: str, settings: dict[str, Any]) -> Rule:
    """A rule from the control API's JSON. Raises RuleError."""
    for name in settings:
        if name not in _SETTABLE:
            raise RuleError(f"A fault rule has no setting {name!r}; it may have {', '.join(_SETTABLE)}.")
    if settings.get("effect") not in EFFECTS:
        raise RuleError(
            f"The effect of a fault rule is {settings.get('effect')!r}; it must be one of {', '.join(EFFECTS)}."
        )
    rule = Rule(id=rule_id, **settings)
    for name in ("rate", "share"):
        value = getattr(rule, name)
        if not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise RuleError(f"The {name} of a fault rule is {value!r}; it must be a number from 0 to 1.")
    return rule


class RuleStore:
    """The rules that are set, from any thread.

    `active` is False as long as there are none, so that callers can skip all else.
    """

    def __init__(self) -> None:
        self.active = False
        self._rules: dict[str, Rule] = {}
        self._lock = threading.Lock()
        self._next = 1

    def put(self, settings: dict[str, Any], rule_id: str | None = None) -> Rule:
        """Add or replace a rule. Raises RuleError."""
        with self._lock:
            if rule_id is None:
                rule_id, self._next = f"rule-{self._next}", self._next + 1
            rule = self._rules[rule_id] = parse(rule_id, settings)
            self.active = True
            return rule

    def delete(self, rule_id: str) -> Rule | None:
        with self._lock:
            rule = self._rules.pop(rule_id, None)
            self.active = bool(self._rules)
            return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()
            self.active = False

    def all(self) -> list[Rule]:
        with self._lock:
            return list(self._rules.values())

    def selecting(self, effect: str, call: Call) -> Rule | None:
        """The first rule with this effect that selects the call, without counting it."""
        rules = self.all() if self.active else []
        return next((rule for rule in rules if rule.effect == effect and rule.selects(call)), None)

    def due(self, effects: Iterable[str], call: Call) -> list[Rule]:
        """The rules with these effects that hit this call, oldest first.

        Every `latency`, and the first of any other.
        """
        hit: list[Rule] = []
        with self._lock:
            for rule in self._rules.values():
                decided = rule.effect != "latency" and any(one.effect != "latency" for one in hit)
                if rule.effect in effects and not decided and rule.selects(call) and rule.strikes(call):
                    hit.append(rule)
        return hit


def names_of(arn: str) -> tuple[str, ...]:
    """What a resource may be called in a rule: its ARN, the ARN's last part, and its name within that."""
    last = arn.split(":", 5)[-1]
    name = last.split("/", 1)[-1] if not arn.startswith("arn:aws:s3:") else last.split("/", 1)[0]
    bare = last.split(":", 1)[-1]
    return (arn, last, name, bare)


def _matches(pattern: str | None, values: Iterable[str]) -> bool:
    return pattern is None or any(fnmatchcase(value, pattern) for value in values)
