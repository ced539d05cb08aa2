"""Refuses what Lambda refuses: settings beyond its limits, reserved variables, large payloads.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.emulator.request_gate import Call, Response, before, json_error
from localcloud.emulator.sandbox.environment import RESERVED

# Smallest and largest value of a setting: seconds, MiB.
RANGES = {"Timeout": (1, 900), "MemorySize": (128, 10_240)}
MAX_ENVIRONMENT_BYTES = 4096
# Of a synchronous and an asynchronous invocation.
MAX_PAYLOAD_BYTES = {"RequestResponse": 6 * 1024 * 1024, "Event": 1024 * 1024}

_INVALID = "InvalidParameterValueException"
_VARIABLES = (
    "Lambda was unable to configure your environment variables because the environment variables you have provided"
)


def refusals(settings: Mapping[str, Any], runtimes: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with the settings of CreateFunction or UpdateFunctionConfiguration, as error code and message."""
    for name, (smallest, largest) in RANGES.items():
        value = settings.get(name)
        if isinstance(value, int) and not smallest <= value <= largest:
            bound = f"greater than or equal to {smallest}" if value < smallest else f"less than or equal to {largest}"
            field = name[0].lower() + name[1:]
            found = f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint"
            yield "ValidationException", f"{found}: Member must have value {bound}"
    runtime = settings.get("Runtime")
    if runtime and runtime not in runtimes:
        allowed = f"enum value set: [{', '.join(sorted(runtimes))}] or be a valid ARN"
        yield _INVALID, f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy {allowed}"
    variables = (settings.get("Environment") or {}).get("Variables") or {}
    reserved = [name for name in variables if name in RESERVED]
    if reserved:
        why = "contains reserved keys that are currently not supported for modification."
        yield _INVALID, f"{_VARIABLES} {why} Reserved keys used in this request: {', '.join(reserved)}"
    if len(json.dumps(variables, separators=(",", ":")).encode()) > MAX_ENVIRONMENT_BYTES:
        yield _INVALID, f"{_VARIABLES} exceeded the {MAX_ENVIRONMENT_BYTES // 1024}KB limit."


def payload_refusal(invocation_type: str, size_bytes: int) -> str | None:
    """Why an invocation's payload is too large, or None."""
    limit = MAX_PAYLOAD_BYTES.get(invocation_type)
    if limit is None or size_bytes <= limit:
        return None
    return f"{size_bytes} byte payload is too large for the {invocation_type} invocation type (limit {limit} bytes)"


@functools.cache
def known_runtimes() -> frozenset[str]:
    """The runtimes that the SDK's model of Lambda names."""
    from botocore.loaders import Loader

    return frozenset(Loader().load_service_model("lambda", "service-2")["shapes"]["Runtime"]["enum"])


def install() -> None:
    @before("lambda")
    def limits(call: Call) -> Response | None:
        if call.action in ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"):
            error = next(refusals(call.data, known_runtimes()), None)
            return json_error(*error) if error else None
        if call.action == "lambda:InvokeFunction" and call.method == "POST":
            kind = call.headers.get("x-amz-invocation-type", "RequestResponse")
            message = payload_refusal(kind, len(call.body))
            return json_error("RequestTooLargeException", message, 413) if message else None
        return None
