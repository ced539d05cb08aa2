"""One execution environment of a Python function: a process that serves one invocation after another.

Lambda's rules that are kept here: an environment outlives a handled exception, and is thrown away when it times out,
exits or uses more memory than the function has
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html); what the handler prints goes to the log
and can never be taken for its result.
"""

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from localcloud.emulator import fast_json
from localcloud.emulator.sandbox.environment import sandbox_environment
from localcloud.sandbox import errors
from localcloud.sandbox.process import Reply, SandboxProcess
from localcloud.sandbox.software import unpack

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
INIT_TIMEOUT_S = 10.0

Crash = Literal["before", "after"]


@dataclass(frozen=True)
class Invocation:
    """One call: `environment` holds the variables that change with it (None removes one).

    `crash` breaks the environment `before` the handler runs, or `after` it has run and before its result is known.
    """

    event: Any
    request_id: str
    function_arn: str
    environment: dict[str, str | None]
    crash: Crash | None = None
    # Told, while it runs for long, to which stream it logs and all that it has printed.
    on_print: Callable[[str, bytes], None] = lambda stream, printed: None


@dataclass
class Outcome:
    """What one invocation came to.

    `payload` is the parsed result or error; `log` all that was printed, whose first `live_bytes` are in the log group
    already; `init_s` is given when the environment was started for it; `status` is that of the REPORT line.
    """

    payload: Any
    error: bool
    log: str
    log_stream: str
    peak_memory_mb: int = 0
    init_s: float | None = None
    status: str = "success"
    live_bytes: int = 0


@dataclass
class SandboxWorker:
    """An environment in the emulator's pool, which touches the attributes without an underscore, and `_spawn`."""

    func_name: str
    config: dict[str, Any]
    code_zip: bytes
    in_use: bool = False
    last_used: float = field(default_factory=time.time)
    _proc: Any = None  # the emulator looks here whether the environment was started
    _cold: bool = True
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _retired: bool = False
    _process: SandboxProcess | None = None
    _folder: Path | None = None
    _log_stream: str = ""
    _init_s: float | None = None
    _init_failure: Outcome | None = None
    _init_log: bytes = b""  # what was printed while the handler was loaded belongs to the first invocation

    def invoke(self, invocation: Invocation) -> Outcome:
        """Run one invocation, starting the process if there is none. Never raises for what the function does."""
        with self._lock:
            outcome = self._invoke(invocation)
        if self._retired:
            self.retire()
        return outcome

    def _invoke(self, invocation: Invocation) -> Outcome:
        if self._process is None or self._process.popen.poll() is not None:
            self._spawn()
        if self._init_failure is not None:
            failed, self._init_failure = self._init_failure, None
            return failed
        assert self._process is not None
        if invocation.crash == "before":
            self._process.kill()
        timeout_s = float(self.config.get("Timeout", 3))
        request = {
            "event": invocation.event,
            "request_id": invocation.request_id,
            "function_arn": invocation.function_arn,
            "deadline_s": time.time() + timeout_s,
            "environment": invocation.environment,
        }
        body, earlier = fast_json.dumps(request), self._init_log
        reply, log = self._process.exchange(
            body, timeout_s, lambda printed: invocation.on_print(self._log_stream, earlier + printed)
        )
        if invocation.crash == "after":
            self._process.kill()
            reply = Reply(b"X")
        log, self._init_log = self._init_log + log, b""
        return self._outcome(reply, log, invocation.request_id)

    def _spawn(self) -> None:
        """Start the process and wait for its handler; a failure to load it is the outcome of the next invocation."""
        from ministack.services.lambda_svc import _resolve_layer_zip

        self._discard()
        folder = self._folder = Path(tempfile.mkdtemp(prefix=f"lambda-{self.func_name}-"))
        layers = [data for layer in self.config.get("Layers") or [] if (data := _resolve_layer_zip(layer))]
        root, paths = unpack(folder, self.code_zip, layers, self.config["Runtime"])
        (folder / "tmp").mkdir()
        self._log_stream = errors.log_stream_name(self.config.get("Version", "$LATEST"))
        started = time.monotonic()
        self._process = SandboxProcess(
            {"paths": paths, "handler": self.config["Handler"], "root": root},
            root,
            sandbox_environment(self.config, root, str(folder / "tmp"), self._log_stream),
            int(self.config.get("MemorySize", 128)),
        )
        self._proc, self._cold = self._process.popen, False
        reply, self._init_log = self._process.exchange(None, INIT_TIMEOUT_S)
        self._init_s = time.monotonic() - started
        if reply.kind != b"I":
            self._init_failure = self._outcome(reply, self._init_log, "")
            self._discard()

    def _outcome(self, reply: Reply, log: bytes, request_id: str) -> Outcome:
        """Turn a reply into Lambda's answer, ending the process when Lambda would."""
        assert self._process is not None
        init_s, self._init_s = self._init_s, None
        result = Outcome(
            None, False, log.decode(errors="replace"), self._log_stream, self._process.peak_kib // 1024, init_s
        )
        if reply.payload and not self._process.over_memory:
            result.payload = json.loads(reply.payload)
            result.error = reply.kind != b"R"
            result.status = "error" if result.error else "success"
            return result
        kind = b"M" if self._process.over_memory else reply.kind
        exit_code = self._process.exit_code() if kind == b"X" else None
        self._discard()
        result.error = True
        result.payload, result.status, line = errors.ended(
            kind, request_id, float(self.config.get("Timeout", 3)), exit_code
        )
        result.log = f"{result.log.rstrip()}\n{line}".lstrip()
        return result

    def abort(self) -> None:
        """End the process now, whatever it is doing."""
        process = self._process
        if process is not None:
            process.kill()

    def retire(self) -> None:
        """End the environment for good, after the invocation that it may be serving."""
        self._retired = True
        # While an invocation holds the lock, it retires the environment itself when it is done.
        if self._lock.acquire(blocking=False):
            try:
                self._discard()
            finally:
                self._lock.release()

    def _discard(self) -> None:
        process, self._process, self._proc = self._process, None, None
        if process is not None:
            process.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
