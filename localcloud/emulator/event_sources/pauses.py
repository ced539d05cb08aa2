"""How long a mapping waits after a failed call: shortly, or as long as AWS was seen to.

AWS backs off exponentially, without saying how
(https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html); recorded were about eight attempts
in a minute. Short pauses keep ten retries of a test within seconds; whoever rehearses an outage asks for the others by
`PUT /_tributary/pauses` with {"pace": "recorded"}, which lasts until a reset.
"""

from dataclasses import dataclass
from typing import Any

from localcloud.emulator import control
from localcloud.emulator.control import RefusedError, Request
from localcloud.emulator.resetting import on_reset


@dataclass(frozen=True)
class Pace:
    """The first pause, and the one that doubling it ends at, in seconds."""

    first_s: float
    longest_s: float


PACES = {"short": Pace(0.1, 1.0), "recorded": Pace(0.25, 32.0)}
DEFAULT = "short"

_current = DEFAULT


def pause_s(failures: int) -> float:
    """How long to wait after the `failures`-th failure in a row, in seconds."""
    pace = PACES[_current]
    return float(min(pace.longest_s, pace.first_s * 2 ** min(failures - 1, 10)))


def choose(name: str) -> None:
    """Wait so from now on. Raises KeyError."""
    global _current
    PACES[name]
    _current = name


def serve(request: Request) -> dict[str, Any]:
    """GET and PUT of the pace. Raises RefusedError."""
    if request.method == "PUT":
        name = request.body.get("pace")
        if name not in PACES:
            raise RefusedError(400, f"`pace` is {name!r}; it may be {' or '.join(PACES)}.")
        choose(name)
    elif request.method != "GET":
        raise RefusedError(405, f"/_tributary/pauses takes GET and PUT, not {request.method}.")
    return {"pace": _current}


def install() -> None:
    control.route("pauses", serve)
    on_reset(lambda: choose(DEFAULT))
