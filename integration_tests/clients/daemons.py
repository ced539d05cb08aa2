"""Workers of the Kinesis Client Library: MultiLangDaemon processes that share an application's leases."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from integration_tests.clients.packages import jars

HERE = Path(__file__).parent
DAEMON = "software.amazon.kinesis.multilang.MultiLangDaemon"
STOP_TIMEOUT_S = 30

# What differs from the library's defaults, all for the sake of time (its own are tens of seconds), but for two: ended
# leases stay to be looked at, and no worker takes more than half of the four leases that there are in the end.
SETTINGS = {
    "initialPositionInStream": "TRIM_HORIZON",
    "AwsCredentialsProvider": "DefaultCredentialsProvider",
    "processingLanguage": "python/3",
    "failoverTimeMillis": 2000,
    "shardSyncIntervalMillis": 1000,
    "leaseAssignmentIntervalMillis": 1000,
    "parentShardPollIntervalMillis": 200,
    "workerMetricsReporterFreqInMillis": 1000,
    "metricsBufferTimeMillis": 1000,
    "cleanupLeasesUponShardCompletion": "false",
    "maxLeasesForWorker": 2,
}


class Application:
    """The workers of one application and what their record processors took down."""

    def __init__(self, folder: Path) -> None:
        self.output = folder / "taken-down.jsonl"
        self.output.touch()
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, worker: str, environment: Mapping[str, str], **settings: str) -> None:
        """Start a worker; `settings` are more of the library's."""
        # The executable's words are split at spaces, so that no path may be among them.
        settings = {**SETTINGS, "executableName": "python record_processor.py", "workerId": worker, **settings}
        properties = self._folder / f"{worker}.properties"
        properties.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
        environment = {
            **environment,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
            "OUTPUT_FILE": str(self.output),
            "WORKER": worker,
        }
        words = ["java", "-XX:TieredStopAtLevel=1", "-cp", jars(), DAEMON, "--properties-file", str(properties)]
        with (self._folder / f"{worker}.log").open("wb") as log:
            process = subprocess.Popen(
                [*words, "--log-configuration", str(HERE / "logback.xml")],
                cwd=HERE,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._processes.append(process)

    def told(self, what: str) -> list[dict[str, Any]]:
        """What the processors took down of this kind, in order. Raises AssertionError when a worker has ended."""
        for process in self._processes:
            assert process.poll() is None, f"a worker ended with {process.returncode}:\n{self.logs()}"
        lines = [json.loads(line) for line in self.output.read_text().splitlines()]
        return [line for line in lines if line["what"] == what]

    def logs(self) -> str:
        """The ends of the workers' logs: warnings and errors alone."""
        lines = [line for log in sorted(self._folder.glob("*.log")) for line in log.read_text().splitlines()]
        return "\n".join(line[:500] for line in lines if " WARN " in line or " ERROR " in line)[-4000:]

    def stop(self) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()


@contextmanager
def application(folder: Path) -> Iterator[Application]:
    """An application whose workers end with the block."""
    with ExitStack() as stack:
        running = Application(folder)
        stack.callback(running.stop)
        yield running
