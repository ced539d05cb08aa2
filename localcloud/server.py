"""The process of a local cloud: start, attach, reset, stop. Several run side by side, with a port and a folder each."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from localcloud import ports
from localcloud.engine.processes import started_at
from localcloud.errors import NotRunningError, PortInUseError, StartError
from localcloud.programs import LOCAL_CLOUD, Program

FOLDER_PREFIX = "tributary-cloud-"
LOG_FILE = "emulator.log"
OWNER_FILE = "owner"
HEALTH_PATHS = ("/_localstack/health", "/_localemu/health")
POLL_S = 0.01
LEFTOVER_AGE_S = 3600.0
LOG_TAIL_LINES = 30
# A free port can be taken between the moment it is found and the moment the emulator binds it.
PORT_ATTEMPTS = 5


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud. `pid` and `folder` are None when it was attached to: then it is not ours to stop."""

    endpoint: str
    port: int
    pid: int | None = None
    folder: Path | None = None
    program: Program = LOCAL_CLOUD
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False, compare=False)

    def __enter__(self) -> "LocalCloud":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __str__(self) -> str:
        return f"{'the cloud' if self.attached else self.program.name} at {self.endpoint}"

    @property
    def attached(self) -> bool:
        """Whether somebody else started it."""
        return self.pid is None

    @property
    def log(self) -> Path | None:
        """The emulator's log, while the folder exists."""
        return self.folder / LOG_FILE if self.folder else None

    def healthy(self, timeout_s: float = 2.0) -> bool:
        """Whether the emulator answers."""
        return _answers(self.endpoint, timeout_s)

    def running(self) -> bool:
        """Whether the process lives."""
        return self.pid is not None and is_alive(self.pid, self._process)

    def reset(self) -> None:
        """Empties every account: resources, data, users and roles. Raises NotRunningError."""
        request = urllib.request.Request(f"{self.endpoint}/_ministack/reset", method="POST")
        try:
            with _direct().open(request, timeout=30) as response:
                response.read()
        except OSError as error:
            raise NotRunningError(_not_running(self.endpoint)) from error

    def stop(self) -> None:
        """Ends the process and everything it started, and removes its folder. Does nothing to a cloud attached to."""
        if self.pid is None:
            return
        _end(self.pid, self._process, self.program.stop_timeout_s)
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def start(
    port: int | None = None, folder: Path | None = None, *, detached: bool = False, program: Program = LOCAL_CLOUD
) -> LocalCloud:
    """Starts a local cloud and waits until it answers.

    Parameters: the port (a free one when None); the folder that will hold its state, temporary files and log, removed
    on stop (a new temporary one when None); `detached` lets it outlive the process that starts it; `program` is what is
    executed.

    Raises PortInUseError, or StartError with the end of the log; the log file is then kept.
    """
    if port is not None:
        try:
            if ports.in_use(port):
                raise PortInUseError(_port_in_use(port))
        except PermissionError:
            raise StartError(
                f"port {port} is not yours to listen on: those below 1024 are for root. Choose another with "
                f"`tributary local start --port {port + 4000}`"
            ) from None
        return _start(port, folder, detached, program)
    for attempt in range(1, PORT_ATTEMPTS + 1):
        candidate = ports.free_port()
        try:
            return _start(candidate, folder, detached, program)
        except StartError:
            if attempt == PORT_ATTEMPTS or not ports.in_use(candidate):
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def attach(endpoint: str) -> LocalCloud:
    """A local cloud that somebody else started. Raises NotRunningError when nothing there answers as one."""
    endpoint = endpoint.rstrip("/")
    address = urlsplit(endpoint)
    if not _answers(endpoint, timeout_s=5.0):
        raise NotRunningError(
            f"nothing at {endpoint} answers as a local cloud: {endpoint}{HEALTH_PATHS[0]} must give status 200, as "
            "LocalStack's does. Start what should be there and type the same command again; `make shell` uses a local "
            "cloud of this project, and `tributary local status` lists those that run"
        )
    return LocalCloud(endpoint, address.port or (443 if address.scheme == "https" else 80))


def _start(port: int, folder: Path | None, detached: bool, program: Program) -> LocalCloud:
    if folder is None:
        remove_leftovers(Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*"))
        folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    for part in ("home", "s3", "state", "tmp"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    process = _spawn(port, folder, detached, program)
    (folder / OWNER_FILE).write_text(json.dumps({"pid": process.pid, "started": started_at(process.pid)}))
    cloud = LocalCloud(f"http://{ports.LOOPBACK}:{port}", port, process.pid, folder, program, process)
    began = time.monotonic()
    while not _answers(cloud.endpoint, timeout_s=1.0):
        ended, waited_s = process.poll() is not None, time.monotonic() - began
        if ended or waited_s > program.start_timeout_s:
            late = f"did not answer in {program.start_timeout_s:.0f} s"
            why = f"ended with exit code {process.returncode}" if ended else late
            _end(process.pid, process, program.stop_timeout_s)
            raise StartError(explain(cloud, why))
        # Asking takes processor time from a start that takes long.
        time.sleep(max(POLL_S, waited_s / 50))
    return cloud


def _spawn(port: int, folder: Path, detached: bool, program: Program) -> subprocess.Popen[bytes]:
    tether = [] if detached else ["localcloud.engine.tethered", str(os.getpid())]
    command = [str(program.python), "-m", *tether, program.module]
    environment = program.environment(port, folder, os.environ)
    spawned: list[subprocess.Popen[bytes]] = []
    ready = threading.Event()

    def spawn_and_wait() -> None:
        try:
            with (folder / LOG_FILE).open("ab") as log:
                process = subprocess.Popen(
                    command,
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    # A session of its own: the terminal's ^C is for the shell, not for the cloud under it.
                    start_new_session=True,
                )
            spawned.append(process)
        finally:
            ready.set()
        process.wait()

    # The kernel's parent-death signal follows the *thread* that forked, so that thread lives as long as the emulator.
    threading.Thread(target=spawn_and_wait, name=f"local-cloud-{port}", daemon=True).start()
    ready.wait()
    if not spawned:
        raise StartError(f"`{' '.join(command)}` cannot be executed; run `make test` once, which repairs the set-up")
    return spawned[0]


def _end(pid: int, process: subprocess.Popen[bytes] | None, timeout_s: float) -> None:
    """SIGTERM, time to save, SIGKILL; then whatever is left of its process group, such as Lambda workers."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _signal(pid, number):
            break
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and is_alive(pid, process):
            time.sleep(POLL_S)
        if not is_alive(pid, process):
            break
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left
        os.killpg(pid, signal.SIGKILL)


def is_alive(pid: int, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Whether the process runs. `process`, if it is a child of ours, is reaped: it would stay visible as a zombie."""
    if process is not None:
        return process.poll() is None
    return _signal(pid, 0)


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # the pid is somebody else's by now
    return True


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Removes the folders of local clouds that died with their owner some time ago: a log may still be wanted."""
    for folder in folders:
        try:
            owner = json.loads((folder / OWNER_FILE).read_text())
            pid, started = int(owner["pid"]), owner["started"]
            old = time.time() - (folder / OWNER_FILE).stat().st_mtime > LEFTOVER_AGE_S
        except (OSError, ValueError, KeyError):
            continue  # being made or removed at this moment, or not ours
        if old and started_at(pid) != started:
            shutil.rmtree(folder, ignore_errors=True)


def _direct() -> urllib.request.OpenerDirector:
    """An opener that ignores proxies: a local cloud is never behind one."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _answers(endpoint: str, timeout_s: float) -> bool:
    """Asks at the path that LocalStack and the emulator share, then where its forks have it: any can be attached to."""
    return any(_is_there(f"{endpoint}{path}", timeout_s) for path in HEALTH_PATHS)


def _is_there(url: str, timeout_s: float) -> bool:
    try:
        with _direct().open(url, timeout=timeout_s) as response:
            return bool(response.status == 200)
    except (OSError, ValueError):
        return False


def _port_in_use(port: int) -> str:
    holder = ports.owner(port) or "another program (it belongs to another user, so its name is not shown)"
    return (
        f"port {port} is in use by {holder}, so no local cloud was started. Choose another with "
        f"`tributary local start --port {port + 1}`; if it is a local cloud of yours, `tributary local stop` ends it"
    )


def _not_running(endpoint: str) -> str:
    return (
        f"no local cloud answers at {endpoint}. `tributary local status` lists those that run; "
        "`tributary local start` starts one"
    )


def explain(cloud: LocalCloud, why: str) -> str:
    """A message about a cloud that failed, with the end of its log."""
    log = cloud.log
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:] if log and log.exists() else []
    tail = "\n".join(f"    {line}" for line in lines) or "    (empty)"
    return f"{cloud.program.name} on port {cloud.port} {why}. The end of its log {log}:\n{tail}"
