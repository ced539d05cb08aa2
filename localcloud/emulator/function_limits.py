"""Refuses what Lambda refuses: settings beyond its limits, reserved variables, large payloads.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

import base64
import binascii
import functools
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from localcloud.emulator import quotas
from localcloud.emulator.request_gate import Call, Response, before, json_error
from localcloud.emulator.sandbox.environment import RESERVED

# Smallest and largest value of a setting: seconds, MiB.
RANGES = {"Timeout": (1, 900), "MemorySize": (128, 10_240)}
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
    if len(settings.get("Layers") or []) > quotas.LAYERS_OF_A_FUNCTION.most:
        yield _INVALID, f"Cannot reference more than {quotas.LAYERS_OF_A_FUNCTION.most} layers."
    if len(json.dumps(variables, separators=(",", ":")).encode()) > quotas.FUNCTION_ENVIRONMENT.most:
        yield _INVALID, f"{_VARIABLES} exceeded the {quotas.FUNCTION_ENVIRONMENT.most // 1024}KB limit."


def package_refusal(settings: Mapping[str, Any]) -> tuple[str, str, int] | None:
    """Why a deployment package that comes in the request is too large: error code, message and HTTP status."""
    encoded = settings.get("ZipFile") or (settings.get("Code") or {}).get("ZipFile")
    if not isinstance(encoded, str):
        return None
    if len(encoded) * 3 // 4 > quotas.PACKAGE_IN_A_REQUEST.most:
        most = quotas.PACKAGE_IN_A_REQUEST.most // 1024 // 1024
        return "RequestEntityTooLargeException", f"A package in the request may have {most} MB; put it into S3.", 413
    try:
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(encoded))) as package:
            unzipped = sum(entry.file_size for entry in package.infolist())
    except (zipfile.BadZipFile, binascii.Error):
        return None  # which the service says
    most = quotas.PACKAGE_UNZIPPED.most
    return (_INVALID, f"Unzipped size must be smaller than {most} bytes", 400) if unzipped >= most else None


def policy_refusal(policy: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Why no further statement has room in a function's policy, None when it has."""
    size = len(json.dumps(policy, separators=(",", ":"))) + len(json.dumps(settings, separators=(",", ":")))
    most = quotas.FUNCTION_POLICY.most
    return f"The final policy size ({size}) is bigger than the limit ({most})." if size > most else None


def payload_refusal(invocation_type: str, size_bytes: int) -> str | None:
    """Why an invocation's payload is too large, or None."""
    limit = MAX_PAYLOAD_BYTES.get(invocation_type)
    if limit is None or size_bytes <= limit:
        return None
    return f"{size_bytes} byte payload is too large for the {invocation_type} invocation type (limit {limit} bytes)"


def _policy_of(path: str) -> Mapping[str, Any]:
    """The policy of the function that a path names (`/2015-03-31/functions/<name or ARN>/policy`)."""
    from ministack.services import lambda_svc

    name = unquote(path.partition("/functions/")[2].partition("/")[0])
    function = lambda_svc._functions.get(name.split(":")[6] if name.startswith("arn:") else name.partition(":")[0])
    policy: Mapping[str, Any] = (function or {}).get("policy") or {}
    return policy


@functools.cache
def known_runtimes() -> frozenset[str]:
    """The runtimes that the SDK's model of Lambda names."""
    from botocore.loaders import Loader

    return frozenset(Loader().load_service_model("lambda", "service-2")["shapes"]["Runtime"]["enum"])


def install() -> None:
    @before("lambda")
    def limits(call: Call) -> Response | None:
        if call.action in ("lambda:CreateFunction", "lambda:UpdateFunctionCode"):
            found = package_refusal(call.data)
            if found:
                return json_error(*found)
        if call.action in ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"):
            error = next(refusals(call.data, known_runtimes()), None)
            return json_error(*error) if error else None
        if call.action == "lambda:AddPermission":
            message = policy_refusal(_policy_of(call.path), call.data)
            return json_error("PolicyLengthExceededException", message) if message else None
        if call.action == "lambda:InvokeFunction" and call.method == "POST":
            kind = call.headers.get("x-amz-invocation-type", "RequestResponse")
            message = payload_refusal(kind, len(call.body))
            return json_error("RequestTooLargeException", message, 413) if message else None
        return None
