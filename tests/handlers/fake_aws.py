"""A fake of the AWS calls that the handlers make, below botocore: real clients, signatures and parsers, no network.

It keeps what it was given, and fails as it is told: `script` takes the faults of the calls to come, one element per
call of the named operation, None for a call that goes well.
"""

from __future__ import annotations

import base64
import json
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

Item = dict[str, Any]


@dataclass(frozen=True)
class Refusal:
    """An error reply of the service."""

    code: str
    status: int = 400
    message: str = "told to fail"


@dataclass(frozen=True)
class Partly:
    """The call goes well except for the elements at these indexes."""

    failed: tuple[int, ...]


@dataclass(frozen=True)
class Timeout:
    """The call is not answered."""


@dataclass(frozen=True)
class Unanswered:
    """The service got the call, and its answer does not come in time."""


@dataclass(frozen=True)
class Killed:
    """The sandbox is killed during the call, which has taken place or not."""

    applied: bool


class SandboxKilledError(BaseException):
    """The invocation is over, whatever the handler would do about an error."""


Fault = Refusal | Partly | Timeout | Unanswered | Killed | None


@dataclass
class FakeAws:
    """Tables map a table's name to its items by (hash, range); `stream` holds the data of the Firehose records."""

    key_names: tuple[str, str] = ("seqNumbershardIdHash", "sequenceNumber")
    tables: dict[str, dict[tuple[str, str], Item]] = field(default_factory=lambda: defaultdict(dict))
    stream: list[bytes] = field(default_factory=list)
    # S3 objects by bucket and key, as JSON.
    objects: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    # Items for which BatchWriteItem refuses the whole call, as DynamoDB does.
    invalid: Callable[[Item], bool] = lambda _item: False
    invalid_data: Callable[[bytes], bool] = lambda _data: False
    latency_s: float = 0.0
    # What every call of an operation is answered until it is mended.
    broken: dict[str, Fault] = field(default_factory=dict)
    _script: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sessions: int = 0

    def script(self, operation: str, *faults: Fault) -> None:
        self._script[operation].extend(faults)

    def called(self, operation: str) -> list[Any]:
        return [parameters for name, parameters in self.calls if name == operation]

    def items(self, table: str) -> list[Item]:
        return list(self.tables[table].values())

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Answers a request; goes in the place of botocore.httpsession.URLLib3Session.send."""
        with self._lock:
            operation, parameters = _parse(request)
            self.calls.append((operation, parameters))
            faults = self._script[operation]
            fault = faults.popleft() if faults else self.broken.get(operation)
            if isinstance(fault, Timeout):
                raise ConnectTimeoutError(endpoint_url=request.url)
            if isinstance(fault, Unanswered):
                raise ReadTimeoutError(endpoint_url=request.url)
            if isinstance(fault, Refusal):
                return _refuse(request, fault)
            if fault == Killed(applied=False):
                raise SandboxKilledError
            failed = fault.failed if isinstance(fault, Partly) else ()
            answer: AWSResponse = getattr(self, f"_{operation}")(request, parameters, failed)
            if isinstance(fault, Killed):
                raise SandboxKilledError
            return answer

    def _AssumeRole(self, request: AWSPreparedRequest, _parameters: Any, _failed: object) -> AWSResponse:  # noqa: N802
        self._sessions += 1
        expiration = (datetime.now(UTC) + timedelta(seconds=900)).isoformat()
        return _reply(
            request,
            200,
            f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
            <AccessKeyId>ASIA{self._sessions}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
            <SessionToken>session-{self._sessions}</SessionToken><Expiration>{expiration}</Expiration>
            </Credentials></AssumeRoleResult></AssumeRoleResponse>""".encode(),
        )

    def _BatchWriteItem(  # noqa: N802
        self, request: AWSPreparedRequest, parameters: Any, failed: tuple[int, ...]
    ) -> AWSResponse:
        puts = [
            (table, put["PutRequest"]["Item"]) for table, wanted in parameters["RequestItems"].items() for put in wanted
        ]
        keys = [(table, *self._key(item)) for table, item in puts]
        assert 1 <= len(puts) <= 25
        if len(set(keys)) < len(keys):
            return _refuse(request, Refusal("ValidationException", message="list of item keys contains duplicates"))
        if any(self.invalid(item) for _, item in puts):
            return _refuse(request, Refusal("ValidationException"))
        left: dict[str, list[Any]] = defaultdict(list)
        for index, (table, item) in enumerate(puts):
            if index in failed:
                left[table].append({"PutRequest": {"Item": item}})
            else:
                self.tables[table][self._key(item)] = item
        return _reply(request, 200, json.dumps({"UnprocessedItems": left}).encode())

    def _PutRecordBatch(  # noqa: N802
        self, request: AWSPreparedRequest, parameters: Any, failed: tuple[int, ...]
    ) -> AWSResponse:
        records = [base64.b64decode(record["Data"]) for record in parameters["Records"]]
        assert 1 <= len(records) <= 500
        assert sum(map(len, records)) <= 4 * 1024 * 1024
        assert max(map(len, records)) <= 1000 * 1024
        if any(map(self.invalid_data, records)):
            return _refuse(request, Refusal("InvalidArgumentException"))
        self.stream += [data for index, data in enumerate(records) if index not in failed]
        replies: list[dict[str, str]] = [
            {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}
            if index in failed
            else {"RecordId": str(index)}
            for index in range(len(records))
        ]
        return _reply(request, 200, json.dumps({"FailedPutCount": len(failed), "RequestResponses": replies}).encode())

    def _PutObject(self, request: AWSPreparedRequest, name: Any, _failed: object) -> AWSResponse:  # noqa: N802
        self.objects[name] = json.load(request.body)
        return _reply(request, 200, b"")

    def _GetObject(self, request: AWSPreparedRequest, name: Any, _failed: object) -> AWSResponse:  # noqa: N802
        if name not in self.objects:
            return _refuse(request, Refusal("NoSuchKey", 404))
        return _reply(request, 200, json.dumps(self.objects[name]).encode())

    def _DeleteObject(self, request: AWSPreparedRequest, name: Any, _failed: object) -> AWSResponse:  # noqa: N802
        self.objects.pop(name, None)
        return _reply(request, 204, b"")

    def poison(self) -> dict[str, Any]:
        """What was set aside: the objects by the sequence number in their keys."""
        prefix = "failures/poison/"
        return {
            key.rpartition("/")[2].removesuffix(".json"): kept
            for key, kept in self.objects.items()
            if key.startswith(prefix)
        }

    def _key(self, item: Item) -> tuple[str, str]:
        first, second = (json.dumps(item[name]) for name in self.key_names)
        return first, second


@dataclass
class FakeContext:
    """Lambda's context, with `time_s` seconds left on a clock of its own, on which each look takes a millisecond.

    How fast the machine is decides nothing.
    """

    time_s: float = 120.0
    function_name: str = "a-function"
    aws_request_id: str = "a-request"

    def get_remaining_time_in_millis(self) -> int:
        self.time_s -= 0.001
        return round(self.time_s * 1000)


def _parse(request: AWSPreparedRequest) -> tuple[str, Any]:
    url = urlsplit(request.url)
    if ".s3." in f".{url.netloc}":
        bucket = url.netloc.partition(".s3.")[0]
        return f"{request.method.title()}Object", f"{bucket}{unquote(url.path)}"
    target = request.headers.get("X-Amz-Target")
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    if target is None:
        parameters = {name: value for name, (value,) in parse_qs(body).items()}
        return parameters["Action"], parameters
    name = target.decode() if isinstance(target, bytes) else target
    return name.partition(".")[2], json.loads(body)


def _refuse(request: AWSPreparedRequest, refusal: Refusal) -> AWSResponse:
    if ".s3." in request.url:
        body = f"<Error><Code>{refusal.code}</Code><Message>{refusal.message}</Message></Error>"
    elif request.headers.get("X-Amz-Target") is None:
        error = f"<Error><Code>{refusal.code}</Code><Message>{refusal.message}</Message></Error>"
        body = f"<ErrorResponse>{error}</ErrorResponse>"
    else:
        body = json.dumps({"__type": f"com.amazonaws#{refusal.code}", "message": refusal.message})
    return _reply(request, refusal.status, body.encode())


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: object) -> Any:
        yield self._body

    def read(self, *_: object) -> bytes:
        body, self._body = self._body, b""
        return body


def _reply(request: AWSPreparedRequest, status: int, body: bytes) -> AWSResponse:
    return AWSResponse(request.url, status, {}, _Raw(body))
