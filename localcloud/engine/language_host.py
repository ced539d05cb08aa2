"""`pulumi-language-python`: the engine's way to a Python program, used where Pulumi's own language host is not
installed.

A LanguageRuntime server (https://github.com/pulumi/pulumi/blob/master/proto/pulumi/language.proto) over the SDK's
protocol classes. Each run of the program is a process of its own (program_runner.py): a fork, where a local cloud keeps
a process to be forked, and else one that is started ahead of time, because importing the SDK takes half a second that
the engine needs for its own start anyway.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from localcloud.engine.forking import STANDARD_DESCRIPTORS, fork, reachable
from localcloud.engine.plugin_runner import run_plugin
from localcloud.engine.processes import end_with_parent
from localcloud.engine.program_packages import program_packages, required_plugins
from localcloud.engine.protocol import language_pb2, language_pb2_grpc, plugin_pb2

RUNNER = Path(__file__).with_name("program_runner.py")
LENGTH_BYTES = 8  # of the length that goes before a request, big-endian


class ProgramProcess:
    """A process that waits for one RunRequest. `python` is its interpreter, `folder` where it starts."""

    def __init__(self, python: str, folder: str | None = None) -> None:
        self.python = python
        self._response, response = os.pipe()
        request, self._request = os.pipe()
        descriptors = [request, *STANDARD_DESCRIPTORS[1:], response]
        words = [str(RUNNER), str(len(descriptors) - 1)]
        forked = fork(words, os.environ, folder, descriptors) if folder and python == sys.executable else None
        # -P keeps the runner's own folder off sys.path, where its neighbours would shadow the program's modules.
        self._process = forked or subprocess.Popen(
            [python, "-P", str(RUNNER), str(response)], stdin=request, pass_fds=[response], cwd=folder
        )
        for descriptor in (request, response):
            os.close(descriptor)

    def run(self, request: Any) -> Any:
        """Runs the program to its end; the RunResponse. A process that dies without one becomes an error response."""
        message = request.SerializeToString()
        # Standard input stays open while the program runs: its end would say that this host is gone.
        with os.fdopen(self._response, "rb") as responses, os.fdopen(self._request, "wb") as requests:
            with contextlib.suppress(BrokenPipeError):
                requests.write(len(message).to_bytes(LENGTH_BYTES) + message)
                requests.flush()
            answer = responses.read()
            code = self._process.wait()
        if code != 0:
            return language_pb2.RunResponse(
                error=f"the program's process ended with exit code {code} and without an answer"
            )
        response = language_pb2.RunResponse()
        response.ParseFromString(answer)
        return response

    def stop(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Answers the engine's questions about a Python program, and runs it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = None if reachable(os.environ) else ProgramProcess(sys.executable)
        self._running: set[ProgramProcess] = set()

    def Handshake(self, request: Any, context: Any) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi"))

    def About(self, request: Any, context: Any) -> Any:
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version.split()[0])

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
        return language_pb2.GetRequiredPluginsResponse()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        return language_pb2.GetRequiredPackagesResponse(
            packages=[
                plugin_pb2.PackageDependency(kind="resource", name=plugin.name, version=f"v{plugin.version}")
                for plugin in required_plugins()
            ]
        )

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version)
                for name, version in program_packages(include_transitive=request.transitiveDependencies)
            ]
        )

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def Run(self, request: Any, context: Any) -> Any:
        program = self._take(interpreter(request.info), request.pwd)
        context.add_callback(program.stop)
        try:
            return program.run(request)
        finally:
            with self._lock:
                self._running.discard(program)

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        requirements = Path(request.directory) / "requirements.txt"
        if not requirements.exists():
            return
        install = [interpreter(request.info), "-m", "pip", "install", "--requirement", str(requirements)]
        with subprocess.Popen(install, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as pip:
            assert pip.stdout is not None
            for line in pip.stdout:
                yield language_pb2.InstallDependenciesResponse(stdout=line)
        if pip.returncode != 0:
            context.abort(grpc.StatusCode.UNKNOWN, f"`{' '.join(install)}` ended with exit code {pip.returncode}")

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        return run_plugin(request, context, interpreter(request.info))

    def Cancel(self, request: Any, context: Any) -> Any:
        self.stop()
        return Empty()

    def stop(self) -> None:
        """Ends every program, running or waiting."""
        with self._lock:
            programs = self._running | ({self._waiting} if self._waiting else set())
            self._waiting = None
        for program in programs:
            program.stop()

    def _take(self, python: str, folder: str) -> ProgramProcess:
        with self._lock:
            program, self._waiting = self._waiting, None
            if program is None or program.python != python:
                if program is not None:
                    program.stop()
                program = ProgramProcess(python, folder)
            self._running.add(program)
        return program


def interpreter(info: Any) -> str:
    """The Python that runs the program: from the `virtualenv` of Pulumi.yaml if it exists, else this one."""
    options = dict(info.options) if info.HasField("options") else {}
    if folder := options.get("virtualenv"):
        python = Path(info.root_directory) / str(folder) / "bin" / "python"
        if python.exists() and python.absolute() != Path(sys.executable).absolute():
            return str(python)
    return sys.executable


def main() -> None:
    """Serves until the engine interrupts, and prints the port as the engine expects it."""
    host = LanguageHost()
    end_with_parent(before=host.stop)
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.set())
    print(port, flush=True)
    ending.wait()
    host.stop()
    server.stop(grace=None).wait()


if __name__ == "__main__":
    main()
