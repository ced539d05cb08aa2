"""Runs the Python functions of LocalStack's Lambda in sandboxes: processes of this interpreter in place of containers.

Not as in a container: one version of Python for every runtime, no layers, no images, no read-only file system.
"""

import json
import math
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from localstack import config
from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from localcloud.sandbox import errors
from localcloud.sandbox.process import Reply, SandboxProcess
from localcloud.sandbox.software import sdk_folder

LOOPBACK = "127.0.0.1"
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
INIT_TIMEOUT_S = 10.0


class SandboxExecutor(RuntimeExecutor):  # type: ignore[misc] # LocalStack is not installed where this is checked
    """One execution environment: LocalStack starts it, has it serve one invocation after another, and stops it."""

    def __init__(self, id: str, function_version: Any) -> None:  # noqa: A002 - LocalStack's name
        super().__init__(id, function_version)
        self._function = function_version.config
        self._process: SandboxProcess | None = None
        self._folder: Path | None = None
        self._environment: dict[str, str] = {}
        # Printed while the handler was loaded, it belongs to the first invocation.
        self._init_log = b""
        self._lock = threading.Lock()

    @classmethod
    def prepare_version(cls, function_version: Any) -> None:
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: Any) -> None:
        pass

    def get_address(self) -> str:
        return LOOPBACK

    def get_endpoint_from_executor(self) -> str:
        return LOOPBACK

    def get_runtime_endpoint(self) -> str:
        return f"http://{LOOPBACK}:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    def get_logs(self) -> str:
        return self._init_log.decode(errors="replace")

    def start(self, env_vars: dict[str, Any]) -> None:
        """Load the handler. Raises StatusErrorException with Lambda's description of what went wrong."""
        self._folder = Path(tempfile.mkdtemp(prefix="function-"))
        self._environment = {
            **{name: str(value) for name, value in env_vars.items()},
            "HOME": str(self._folder),
            "LAMBDA_TASK_ROOT": self._root,
            "LANG": "en_US.UTF-8",
            "PATH": os.defpath,
            "TMPDIR": str(self._folder),
        }
        with self._lock:
            failure = self._load()
        if failure is not None:
            raise StatusErrorException("Environment startup failed", payload=failure)

    @property
    def _root(self) -> str:
        return str(self._function.code.get_unzipped_code_location())

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Answer one invocation; what the function does wrong is the answer, never an exception."""
        with self._lock:
            began = time.monotonic()
            failure = self._load() if self._process is None or self._process.popen.poll() is not None else None
            is_error, answer, printed = (True, failure, b"") if failure is not None else self._asked(payload)
            printed, self._init_log = self._init_log + printed, b""
            logs = self._lines(payload["invoke-id"], printed.decode(errors="replace"), time.monotonic() - began)
            return InvocationResult(payload["invoke-id"], answer, is_error=is_error, logs=logs)

    def _load(self) -> bytes | None:
        """Start a process and load the handler in it: None, or Lambda's description of the failure."""
        init = {"paths": [self._root, sdk_folder()], "handler": self._function.handler, "root": self._root}
        self._process = SandboxProcess(init, self._root, self._environment, int(self._function.memory_size))
        reply, self._init_log = self._process.exchange(None, INIT_TIMEOUT_S)
        return None if reply.kind == b"I" else self._answer(reply, "", INIT_TIMEOUT_S)[1]

    def _asked(self, payload: dict[str, str]) -> tuple[bool, bytes, bytes]:
        """Whether the answer is an error, the answer, and what was printed meanwhile."""
        assert self._process is not None
        timeout_s = float(self._function.timeout)
        request = {
            "event": json.loads(payload["payload"] or "null"),
            "request_id": payload["invoke-id"],
            "function_arn": payload["invoked-function-arn"],
            "deadline_s": time.time() + timeout_s,
            "environment": {"_X_AMZN_TRACE_ID": payload["trace-id"]},
        }
        reply, printed = self._process.exchange(json.dumps(request).encode(), timeout_s)
        is_error, answer, line = self._answer(reply, payload["invoke-id"], timeout_s)
        return is_error, answer, printed + line

    def _answer(self, reply: Reply, request_id: str, timeout_s: float) -> tuple[bool, bytes, bytes]:
        """Whether it is an error, Lambda's answer, and the log line of a process that gave none and is ended here."""
        assert self._process is not None
        if reply.payload and not self._process.over_memory:
            return reply.kind != b"R", reply.payload, b""
        kind = b"M" if self._process.over_memory else reply.kind
        exit_code = self._process.exit_code() if kind == b"X" else None
        self._discard()
        answer, _, line = errors.ended(kind, request_id, timeout_s, exit_code)
        return True, json.dumps(answer).encode(), f"{line}\n".encode()

    def _lines(self, request_id: str, printed: str, took_s: float) -> str:
        """The platform's lines around what was printed.

        https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
        """
        took_ms = took_s * 1000
        report = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {took_ms:.2f} ms",
            f"Billed Duration: {math.ceil(took_ms)} ms",
            f"Memory Size: {self._function.memory_size} MB",
        ]
        return "\n".join(
            [
                f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}",
                *printed.splitlines(),
                f"END RequestId: {request_id}",
                "\t".join(report),
                "",
            ]
        )

    def stop(self) -> None:
        """End it, with what it is doing."""
        if (process := self._process) is not None:
            process.kill()
        with self._lock:
            self._discard()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    def _discard(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()
