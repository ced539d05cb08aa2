"""What the operations of the Kinesis API share:
refusals, finding the stream, opaque tokens, and taking the emulator's place.
"""

import base64
import binascii
import json
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, json_response

from localcloud.emulator.kinesis import streams
from localcloud.emulator.kinesis.shard_log import StoredShard
from localcloud.emulator.patching import replaces

Answer = tuple[int, dict[str, str], Any]
Request = dict[str, Any]


class RefusedError(Exception):
    """The request breaks a rule of the API: error code and message as AWS answers them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def answer(self) -> Answer:
        answer: Answer = error_response_json(self.code, str(self), 400)
        return answer


class ExpiredTokenError(ValueError):
    """A token is older than it may be; `age_s` in seconds."""

    def __init__(self, age_s: float) -> None:
        super().__init__(f"The token was made {age_s:.0f} s ago.")
        self.age_s = age_s


def stream_of(request: Request) -> streams.Stream:
    """The stream that StreamName or StreamARN names. Raises RefusedError."""
    from ministack.services import kinesis

    name, stream = kinesis._resolve_stream(request)
    if stream is None:
        arn = str(request.get("StreamARN") or "")
        account_id, name = (
            (arn.split(":")[4], arn.rsplit("/", 1)[-1]) if arn.count(":") >= 5 else (get_account_id(), name)
        )
        raise RefusedError("ResourceNotFoundException", f"Stream {name} under account {account_id} not found.")
    found: streams.Stream = stream
    return found


def shard_of(stream: streams.Stream, shard_id: str | None) -> StoredShard:
    """The shard of that id. Raises RefusedError."""
    shard = stream["shards"].get(shard_id)
    if shard is None:
        account_id = stream["StreamARN"].split(":")[4]
        raise RefusedError(
            "ResourceNotFoundException",
            f"Could not find shard {shard_id} in stream {stream['StreamName']} under account {account_id}.",
        )
    found: StoredShard = shard
    return found


def not_in(value: object, field: str, allowed: list[str]) -> RefusedError:
    """The refusal of a value that an enumeration does not have."""
    return RefusedError(
        "ValidationException",
        f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: Member must "
        "satisfy enum value "
        f"set: [{', '.join(allowed)}]",
    )


def answered(body: dict[str, Any]) -> Answer:
    answer: Answer = json_response(body)
    return answer


def make_token(*values: Any) -> str:
    """An opaque token that carries JSON values and the time."""
    return base64.b64encode(json.dumps([*values, time.time()]).encode()).decode()


def read_token(token: str | None, life_s: float) -> list[Any]:
    """The values of a token. Raises ExpiredTokenError, and ValueError when it is no token."""
    try:
        *values, made_at = json.loads(base64.b64decode(token or "", validate=True))
    except (binascii.Error, TypeError) as error:
        raise ValueError(f"{token!r} is not a token.") from error
    age_s = time.time() - made_at
    if age_s > life_s:
        raise ExpiredTokenError(age_s)
    found: list[Any] = values
    return found


def iterator_stream_arn(token: str | None) -> str | None:
    """The stream that a shard iterator reads, for those who decide whether a GetRecords call is allowed;
    None for no iterator.
    """
    try:
        return str(read_token(token, float("inf"))[0])
    except (ValueError, IndexError):
        return None


def serve(
    name: str, fingerprint: str, operation: Callable[[Request], Answer], module: str = "ministack.services.kinesis"
) -> None:
    """Let `operation` answer in the place of the emulator's function `name`; a RefusedError becomes the answer."""

    @replaces(module, name, source=fingerprint)
    def served(_original: object, request: Request) -> Answer:
        try:
            return operation(request)
        except RefusedError as refused:
            return refused.answer
