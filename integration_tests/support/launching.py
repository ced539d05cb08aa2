"""Starts one local cloud for one pytest-xdist worker: own port, own folders, nothing of this process's environment."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0

# The emulator's module for each target that is started here; `plain` shows what the additions are worth.
MODULES = {"local": "localcloud.emulator", "plain": "ministack"}


@contextmanager
def launched(target: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Run an emulator while the block runs; yields its endpoint and log. Raises RuntimeError when it dies."""
    port = _free_port()
    log = folder / "emulator.log"
    for name in ("tmp", "state", "s3"):
        (folder / name).mkdir(parents=True)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", MODULES[target]],
            env=_environment(port, folder),
            cwd=Path(__file__).parents[2],
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            endpoint = f"http://127.0.0.1:{port}"
            _await_health(endpoint, process, log)
            yield endpoint, log
        finally:
            _stop(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(port: int, folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "TMPDIR": str(folder / "tmp"),
        "STATE_DIR": str(folder / "state"),
        "S3_DATA_DIR": str(folder / "s3"),
        "DOCKER_HOST": f"unix://{folder}/no-docker.sock",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }


def _await_health(endpoint: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(
                f"The local cloud stopped with exit code {process.returncode}:\n{log.read_text()[-4000:]}"
            )
        try:
            with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=1):
                return
        except OSError:
            time.sleep(0.02)  # the one place that polls a process which cannot announce itself
    raise RuntimeError(f"The local cloud did not answer within {START_TIMEOUT_S:.0f} s:\n{log.read_text()[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends the emulator and the Lambda workers that share its session."""
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
