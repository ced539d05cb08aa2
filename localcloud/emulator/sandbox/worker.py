"""One execution environment of a Python function: a process that serves one invocation after another.

Lambda's rules that are kept here: an environment outlives a handled exception, and is thrown away when it times out,
exits or uses more memory than the function has
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html); what the handler prints goes to the log
and can never be taken for its result.
"""

import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from localcloud.emulator.sandbox import bootstrap, errors
from localcloud.emulator.sandbox.environment import sandbox_environment
from localcloud.emulator.sandbox.software import unpack

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib
INIT_TIMEOUT_S = 10.0
MEMORY_CHECK_INTERVAL_S = 0.05
KILL_GRACE_S = 2.0


@dataclass
class Outcome:
    """What one invocation came to.

    `payload` is the parsed result or error; `log` is all that was printed; times in seconds.
    """

    payload: Any
    error: bool
    log: str
    log_stream: str
    peak_memory_mb: int = 0
    init_s: float | None = None
    status: str = "success"


@dataclass
class Reply:
    """A frame from the sandbox, or the reason why there is none (kind `T`.

    Time is over, `M`: out of memory, `X`: it exited).
    """

    kind: bytes
    payload: bytes = b""


@dataclass
class SandboxWorker:
    """An environment in the emulator's pool.

    The attributes with an underscore are those that the pool itself touches.
    """

    func_name: str
    config: dict[str, Any]
    code_zip: bytes
    in_use: bool = False
    last_used: float = field(default_factory=time.time)
    _proc: subprocess.Popen[bytes] | None = None
    _cold: bool = True
    _retired: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _folder: Path | None = None
    _control: socket.socket | None = None
    _log_fd: int = -1
    _buffer: bytearray = field(default_factory=bytearray)
    _init_s: float | None = None
    _init_failure: Outcome | None = None
    _peak_kib: int = 0
    _pending_log: bytes = b""  # what was printed while the handler was loaded belongs to the first invocation
    log_stream: str = ""

    def invoke(self, event: Any, request_id: str, function_arn: str, environment: dict[str, str | None]) -> Outcome:
        """Run one invocation, starting the process first when there is none.

        Never raises for what the function does.
        """
        with self._lock:
            outcome = self._invoke(event, request_id, function_arn, environment)
        if self._retired:
            self.retire()
        return outcome

    def _invoke(self, event: Any, request_id: str, function_arn: str, environment: dict[str, str | None]) -> Outcome:
        if self._proc is None or self._proc.poll() is not None:
            self._spawn()
        if self._init_failure is not None:
            failed, self._init_failure = self._init_failure, None
            return failed
        timeout_s = float(self.config.get("Timeout", 3))
        request = {
            "event": event,
            "request_id": request_id,
            "function_arn": function_arn,
            "deadline_s": time.time() + timeout_s,
            "environment": environment,
        }
        reply, log = self._exchange(request, timeout_s)
        return self._outcome(reply, log, request_id)

    def _spawn(self) -> None:
        """Start the process and wait until its handler is loaded.

        A failure to load is the outcome of the next invocation.
        """
        from ministack.services.lambda_svc import _resolve_layer_zip

        self._discard_tmpdir()
        folder = self._folder = Path(tempfile.mkdtemp(prefix=f"lambda-{self.func_name}-"))
        layers = [data for layer in self.config.get("Layers") or [] if (data := _resolve_layer_zip(layer))]
        root, paths = unpack(folder, self.code_zip, layers, self.config["Runtime"])
        (folder / "tmp").mkdir()
        self.log_stream = errors.log_stream_name(self.config.get("Version", "$LATEST"))
        init = {"paths": paths, "handler": self.config["Handler"], "root": root}
        ours, theirs = socket.socketpair()
        log_read, log_write = os.pipe()
        started = time.monotonic()
        with theirs:
            try:
                self._proc = subprocess.Popen(
                    [sys.executable, "-I", "-S", bootstrap.__file__, str(theirs.fileno()), json.dumps(init)],
                    cwd=root,
                    env=sandbox_environment(self.config, root, str(folder / "tmp"), self.log_stream),
                    stdin=subprocess.DEVNULL,
                    stdout=log_write,
                    stderr=log_write,
                    pass_fds=(theirs.fileno(),),
                )
            finally:
                os.close(log_write)
        os.set_blocking(log_read, False)
        self._control, self._log_fd, self._cold, self._peak_kib = ours, log_read, False, 0
        reply, log = self._exchange(None, INIT_TIMEOUT_S)
        self._init_s = time.monotonic() - started
        if reply.kind != b"I":
            self._init_failure = self._outcome(reply, log, "")
            self._end()
        else:
            self._pending_log = log

    def _exchange(self, request: dict[str, Any] | None, timeout_s: float) -> tuple[Reply, bytes]:
        """Send a request, if any, and collect the answer and everything printed until it came."""
        assert self._control is not None
        deadline = time.monotonic() + timeout_s
        if request is not None:
            body = json.dumps(request).encode()
            try:
                self._control.sendall(bootstrap.REQUEST.pack(len(body)) + body)
            except OSError:
                return Reply(b"X"), self._printed()
        log = bytearray(self._pending_log)
        self._pending_log = b""
        self._buffer.clear()
        with selectors.DefaultSelector() as ready:
            ready.register(self._control, selectors.EVENT_READ)
            ready.register(self._log_fd, selectors.EVENT_READ)
            while True:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return Reply(b"T"), bytes(log + self._printed())
                events = ready.select(min(left_s, MEMORY_CHECK_INTERVAL_S))
                for key, _ in events:
                    if key.fd == self._log_fd:
                        log += self._printed()
                        continue
                    reply = self._received()
                    if reply is not None:
                        # Everything that was printed before the answer is in the pipe by now: no need to wait for more.
                        return reply, bytes(log + self._printed())
                if not events and self._memory_kib() > self._limit_kib():
                    return Reply(b"M"), bytes(log + self._printed())

    def _received(self) -> Reply | None:
        """Take what the control socket holds; returns the frame once it is complete."""
        assert self._control is not None
        try:
            part = self._control.recv(1 << 20)
        except OSError:
            part = b""
        if not part:
            return Reply(b"X")
        self._buffer += part
        size = bootstrap.HEADER.size
        if len(self._buffer) < size:
            return None
        kind, self._peak_kib, length = bootstrap.HEADER.unpack(self._buffer[:size])
        if len(self._buffer) < size + length:
            return None
        return Reply(kind, bytes(self._buffer[size : size + length]))

    def _printed(self) -> bytes:
        parts = bytearray()
        while True:
            try:
                part = os.read(self._log_fd, 1 << 16)
            except (BlockingIOError, OSError):
                return bytes(parts)
            if not part:
                return bytes(parts)
            parts += part

    def _outcome(self, reply: Reply, log: bytes, request_id: str) -> Outcome:
        """Turn a reply into Lambda's answer, ending the process when Lambda would."""
        init_s, self._init_s = self._init_s, None
        result = Outcome(None, False, log.decode(errors="replace"), self.log_stream, self._peak_kib // 1024, init_s)
        if reply.kind in (b"R", b"E", b"F"):
            result.payload = json.loads(reply.payload)
            result.error = reply.kind != b"R"
            if self._peak_kib <= self._limit_kib():
                result.status = "error" if result.error else "success"
                return result
            reply = Reply(b"M")
        if reply.kind == b"X" and self._proc is not None:
            self._wait()
        exit_code = self._proc.poll() if self._proc is not None else None
        self._end()
        result.error = True
        result.payload, result.status, line = errors.ended(
            reply.kind, request_id, float(self.config.get("Timeout", 3)), exit_code
        )
        result.log = f"{result.log.rstrip()}\n{line}".lstrip()
        return result

    def _limit_kib(self) -> int:
        return int(self.config.get("MemorySize", 128)) * 1024

    def _memory_kib(self) -> int:
        """Resident memory of the process now; 0 where the platform does not tell."""
        proc = self._proc
        try:
            with open(f"/proc/{proc.pid if proc else 0}/statm", "rb") as statm:
                self._peak_kib = max(
                    self._peak_kib, int(statm.read().split()[1]) * (os.sysconf("SC_PAGE_SIZE") // 1024)
                )
        except OSError:
            return 0
        return self._peak_kib

    def _wait(self) -> None:
        """Reap a process that closed its socket: it is exiting."""
        assert self._proc is not None
        try:
            self._proc.wait(KILL_GRACE_S)
        except subprocess.TimeoutExpired:
            self._proc.kill()
            self._proc.wait()

    def _end(self) -> None:
        proc, self._proc = self._proc, None
        if proc is not None:
            proc.kill()
            proc.wait()

    def crash(self) -> None:
        """Kill the process, as when the environment fails under a running handler."""
        if self._proc is not None:
            self._proc.kill()

    def retire(self) -> None:
        """End the environment for good, after the invocation that it may be serving."""
        self._retired = True
        # While an invocation holds the lock, it retires the environment itself when it is done.
        if self._lock.acquire(blocking=False):
            try:
                self._end()
                self._discard_tmpdir()
            finally:
                self._lock.release()

    def _discard_tmpdir(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._log_fd >= 0:
            os.close(self._log_fd)
            self._log_fd = -1
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
