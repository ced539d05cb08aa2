"""Runs inside a sandbox: loads a function's handler and calls it for each invocation, as Lambda's runtime does.

Started as a script, or forked from `preloaded`, in an interpreter that sees the standard library alone, so it imports
nothing else; the function's code, layers and the SDK are put on the path here. `process` speaks to it:

    request = length (4 bytes), JSON object: event, request_id, function_arn, deadline_s, environment
    frame   = kind (1 byte), peak memory in KiB (4 bytes), length (4 bytes), payload (JSON)
    kind    = I: initialised, R: the handler's result, E: an error in Lambda's shape, F: the runtime could not start

Shapes and messages: https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html; the search path:
https://docs.aws.amazon.com/lambda/latest/dg/python-package.html ("Runtime search paths").
"""

import importlib
import json
import logging
import os
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

HEADER = struct.Struct(">cII")
REQUEST = struct.Struct(">I")

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: 6 MB, measured with the envelope of the
# runtime API.
MAX_RESULT_BYTES = 6_291_556


class Context:
    """What a handler gets beside the event: https://docs.aws.amazon.com/lambda/latest/dg/python-context.html"""

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id: str = request["request_id"]
        self.invoked_function_arn: str = request["function_arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline_s: float = request["deadline_s"]

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._deadline_s - time.time()) * 1000))

    def log(self, message: object) -> None:
        print(message)


class InitError(Exception):
    """The handler cannot be loaded; `error_type` is Lambda's name for it."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


class LambdaFormatter(logging.Formatter):
    """The text format of the runtime's own log handler.

    Https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """

    converter = staticmethod(time.gmtime)  # a Formatter calls it with the time alone
    request_id = ""

    def __init__(self) -> None:
        super().__init__(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
        )

    def format(self, record: logging.LogRecord) -> str:
        record.aws_request_id = self.request_id
        return super().format(record).replace("\n", "\r")


def main(control_fd: int, init: dict[str, Any]) -> None:
    """Serve invocations over the socket `control_fd` until it is closed.

    `init` has `paths` (the search path's first entries), `handler` (the setting) and `root` (where the code is).
    """
    control = socket.socket(fileno=control_fd)
    formatter = start_logging()
    sys.path[:0] = init["paths"]
    try:
        handler = load(init["handler"])
    except BaseException as error:
        send(control, b"F", failure(error, init["root"], ""))
        raise SystemExit(1) from None
    send(control, b"I", b"null")
    while (request := receive(control)) is not None:
        formatter.request_id = request["request_id"]
        apply_environment(request["environment"])
        kind, payload = call(handler, request, init["root"])
        sys.stdout.flush()
        sys.stderr.flush()
        send(control, kind, payload)


def start_logging() -> LambdaFormatter:
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace", line_buffering=True)  # type: ignore[union-attr]
    formatter = LambdaFormatter()
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    return formatter


def load(setting: str) -> Callable[[Any, Context], Any]:
    """The function named by the `Handler` setting. Raises InitError, or whatever the module itself raises at import."""
    module_name, dot, function_name = setting.rpartition(".")
    if not dot:
        raise InitError(
            "Runtime.MalformedHandlerName", f"Bad handler '{setting}': not enough values to unpack (expected 2, got 1)"
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise InitError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except SyntaxError as error:
        raise InitError("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}") from error
    if not hasattr(module, function_name):
        raise InitError("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")
    return getattr(module, function_name)  # type: ignore[no-any-return]


def apply_environment(changes: dict[str, str | None]) -> None:
    """Set the variables that change with each invocation; None removes one."""
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def call(handler: Callable[[Any, Context], Any], request: dict[str, Any], root: str) -> tuple[bytes, bytes]:
    """Call the handler; returns the kind and the payload of the frame to send."""
    request_id = request["request_id"]
    try:
        result = handler(request["event"], Context(request))
    except Exception as error:
        return b"E", failure(error, root, request_id)
    try:
        payload = json.dumps(result, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        return b"E", described("Runtime.MarshalError", f"Unable to marshal response: {error}", [], request_id)
    if len(payload) > MAX_RESULT_BYTES:
        limit = f"exceeded maximum allowed payload size ({MAX_RESULT_BYTES} bytes)."
        message = f"Response payload size ({len(payload)} bytes) {limit}"
        return b"E", described("Function.ResponseSizeTooLarge", message, [], request_id)
    return b"R", payload


def failure(error: BaseException, root: str, request_id: str) -> bytes:
    """An exception in Lambda's shape; it is also logged, as one event. Frames of this file are left out."""
    error_type = error.error_type if isinstance(error, InitError) else type(error).__name__
    frames = [] if isinstance(error, InitError) else traceback.extract_tb(error.__traceback__)
    stack = [line.replace(root, "/var/task") for line in traceback.format_list([f for f in frames if not own(f)])]
    head = f"[ERROR] {error_type}: {error}"
    lines = [head, "Traceback (most recent call last):", *"".join(stack).splitlines()] if stack else [head]
    print("\r".join(line.replace("\n", "\r") for line in lines), flush=True)
    return described(error_type, str(error), stack, request_id)


def own(frame: traceback.FrameSummary) -> bool:
    return frame.filename == __file__ or frame.filename.startswith("<frozen importlib")


def described(error_type: str, message: str, stack: list[str], request_id: str) -> bytes:
    body = {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": stack}
    return json.dumps(body).encode()


def peak_memory_kib() -> int:
    try:
        # Not ru_maxrss: a process inherits that from the one which started it.
        with open("/proc/self/status", "rb") as status:
            return next(int(line.split()[1]) for line in status if line.startswith(b"VmHWM"))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # bytes on macOS


def send(control: socket.socket, kind: bytes, payload: bytes) -> None:
    control.sendall(HEADER.pack(kind, peak_memory_kib(), len(payload)) + payload)


def receive(control: socket.socket) -> dict[str, Any] | None:
    """The next invocation, or None when the emulator is gone."""
    size = read_exactly(control, REQUEST.size)
    if not size:
        return None
    return json.loads(read_exactly(control, REQUEST.unpack(size)[0]))  # type: ignore[no-any-return]


def read_exactly(control: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = control.recv(min(count - len(parts), 1 << 20))
        if not part:
            return b""
        parts += part
    return bytes(parts)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
