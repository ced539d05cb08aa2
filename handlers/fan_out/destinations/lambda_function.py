"""Lambda functions, by name, ARN or alias: events of records as a mapping makes them.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers.fan_out.contract import Access, Destination, Limits, Refused, Send, Unit, WrongRowError
from handlers.fan_out.destinations.addresses import arn_for, number_of, options_among, region_among
from handlers.shared.errors import Cause

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["DESTINATION"]

# As many as a mapping gives a function at most.
MAX_RECORDS = 10_000
# Of an event: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
EVENT_BYTES = 1_048_576
REQUEST_BYTES = 6_291_456
# `Event`: Lambda keeps the event and invokes the function itself. `RequestResponse`: the function has answered.
INVOCATIONS = {"Event": EVENT_BYTES, "RequestResponse": REQUEST_BYTES}
# How long a function may take to answer, and the most: a lease of the drainer outlasts it.
ANSWER_S, MAX_ANSWER_S = 6, 30
_START, _END = b'{"Records":[', b"]}"

_NAME = r"(?P<name>[\w-]{1,64})(?::(?P<qualifier>\$LATEST|[\w-]{1,128}))?"
# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (FunctionName)
_FUNCTION = re.compile(
    r"(?:(?:arn:aws[a-z-]*:lambda:(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d+):)?(?P<account>\d{12}):function:)?" + _NAME,
    re.ASCII,
)
_RIGHT = (
    "the name or the ARN of a function, with an alias or version or without, like orders, orders:live or "
    "arn:aws:lambda:eu-west-1:123456789012:function:orders:live"
)


class _Function(NamedTuple):
    """`function` is what Invoke takes as its name; `resource` what stands after the account in its ARN; `answer_s` how
    long it may work until it answers, None where nobody waits for that."""

    function: str
    account: str | None
    resource: str
    region: str | None
    invocation: str
    answer_s: int | None


def _parse(row: Row) -> _Function:
    options_among(row, ["answerSeconds", "invocation"])
    found = _FUNCTION.fullmatch(row.destination)
    if found is None:
        raise WrongRowError("destination", f"destination is {row.destination!r}; it must be {_RIGHT}")
    invocation = row.options.get("invocation", "Event")
    if invocation not in INVOCATIONS:
        raise WrongRowError("invocation", f"invocation is {invocation!r}; it must be one of {', '.join(INVOCATIONS)}")
    waited = invocation == "RequestResponse"
    if "answerSeconds" in row.options and not waited:
        raise WrongRowError(
            "answerSeconds",
            "answerSeconds is given, but nobody waits for an answer of `invocation` Event; leave one of them out",
        )
    answer_s = number_of(row, "answerSeconds", ANSWER_S, 1, MAX_ANSWER_S) if waited else None
    resource = ":".join(part for part in ("function", found["name"], found["qualifier"]) if part)
    region = region_among(row, found["region"])
    return _Function(row.destination, found["account"], resource, region, str(invocation), answer_s)


def _open(_row: Row, function: _Function, access: Access) -> Send:
    client = access.client("lambda", function.region)

    def send(units: Sequence[Unit]) -> Sequence[Refused]:
        with client.using() as service:
            answer = service.invoke(
                FunctionName=function.function,
                InvocationType=function.invocation,
                Payload=b"%b%b%b" % (_START, b",".join([unit.body for unit in units]), _END),
            )
            reply = b"" if function.invocation == "Event" else answer["Payload"].read()
        if answer.get("FunctionError"):
            reason = f"the function failed ({answer['FunctionError']}): {_error_type(reply)}"
            return [Refused(unit, Cause.SLOW, reason) for unit in units]
        return _not_processed(units, reply)

    return send


def _error_type(reply: bytes) -> str:
    """What kind of error it was; the message may quote records."""
    found = _object(reply).get("errorType")
    return str(found or "no errorType")[:200]


def _not_processed(units: Sequence[Unit], reply: bytes) -> list[Refused]:
    """The records from the first on that a function reports as failed, as it would report it to a mapping.

    Fewer of them go into the next calls, until the one that the function stumbles over is by itself.
    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    failures = _object(reply).get("batchItemFailures") or ()
    failed = {str(one.get("itemIdentifier")) for one in failures if isinstance(one, dict)}
    if not failed:
        return []
    first = next((place for place, unit in enumerate(units) if _sequence_number(unit) in failed), 0)
    return [Refused(unit, Cause.SLOW, "the function reported a failed record") for unit in units[first:]]


def _sequence_number(unit: Unit) -> str:
    return unit.id.rpartition(":")[2].partition(".")[0]


def _object(reply: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(reply or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _limits(function: _Function) -> Limits:
    size_bytes = INVOCATIONS[function.invocation] - len(_START) - len(_END)
    return Limits(MAX_RECORDS, size_bytes, size_bytes, lambda _unit: len(","))


def _grants(row: Row, function: _Function) -> tuple[list[str], str]:
    arn = arn_for(row, "lambda", function.region, function.resource, function.account)
    return ["lambda:InvokeFunction"], arn


DESTINATION = Destination(
    parse=_parse,
    open=_open,
    limits=_limits,
    grants=_grants,
    answer_s=lambda function: function.answer_s,
    takes_records=True,
)
