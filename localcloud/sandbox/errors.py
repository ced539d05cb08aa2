"""What Lambda answers and logs when an execution environment ends by itself.

https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html and
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-locations.html (names of log streams)
"""

import secrets
import signal
from datetime import UTC, datetime

SIGNAL_NAMES: dict[int, str] = {
    signal.SIGKILL: "killed",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "aborted",
}


def log_stream_name(version: str) -> str:
    """A new environment's log stream, such as `2026/01/31/[$LATEST]0123456789abcdef0123456789abcdef`."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{secrets.token_hex(16)}"


def ended(kind: bytes, request_id: str, timeout_s: float, exit_code: int | None) -> tuple[dict[str, str], str, str]:
    """The payload, the status in the REPORT line and the line in the log for an environment that gave no answer.

    `kind` is `T` (time is over), `M` (out of memory) or `X` (it exited); a negative `exit_code` is a signal's number.
    """
    if kind == b"T":
        text = f"Task timed out after {timeout_s:.2f} seconds"
        line = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z {request_id} {text}"
        return _payload("Sandbox.Timedout", f"RequestId: {request_id} Error: {text}"), "timeout", line
    error_type = "Runtime.OutOfMemory" if kind == b"M" else "Runtime.ExitError"
    message = f"RequestId: {request_id} Error: {_reason(-signal.SIGKILL if kind == b'M' else exit_code)}"
    return _payload(error_type, message), f"error\tError Type: {error_type}", f"{message}\r{error_type}"


def _reason(exit_code: int | None) -> str:
    if exit_code is None or exit_code == 0:
        return "Runtime exited without providing a reason"
    if exit_code < 0:
        return f"Runtime exited with error: signal: {SIGNAL_NAMES.get(-exit_code, str(-exit_code))}"
    return f"Runtime exited with error: exit status {exit_code}"


def _payload(error_type: str, message: str) -> dict[str, str]:
    return {"errorType": error_type, "errorMessage": message}
