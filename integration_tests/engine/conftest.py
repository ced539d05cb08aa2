"""A tiny Pulumi project in a temporary folder, and the real CLI on it."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from integration_tests.support.addressing import Cloud
from localcloud.accounts import Credentials
from localcloud.engine.environment import environment, passphrase
from localcloud.engine.forking import SUPPORTED
from localcloud.engine.layout import checkout
from localcloud.engine.stacks import read_project, seed
from localcloud.server import LocalCloud

STACK_FILE = '# how it greets\nconfig:\n    tiny:greeting:   "hello"  # a word\n'
NO_CLOUD = "http://127.0.0.1:9"


@dataclass
class TinyProject:
    """A project of one program file. Its resources, if any, need no cloud."""

    folder: Path
    state: Path
    environment: Mapping[str, str]
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def stack_file(self) -> Path:
        return self.folder / "Pulumi.dev.yaml"

    def seed(self) -> None:
        """Make the stacks that have a file."""
        seed(read_project(self.folder), self.state, passphrase(checkout()), checkout())

    def program(self, text: str) -> None:
        (self.folder / "__main__.py").write_text(text)

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(arguments), cwd=self.folder, env=self.environment, capture_output=True, text=True
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The CLI in the background, in a process group of its own, as a terminal would start it."""
        process = subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def outputs(self) -> dict[str, Any]:
        done = self.pulumi("stack", "output", "--json", "-s", "dev")
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    @staticmethod
    def _command(arguments: tuple[str, ...]) -> list[str]:
        return ["pulumi", "--non-interactive", "--color", "never", *arguments]


@contextmanager
def tiny_project(folder: Path, endpoint: str) -> Iterator[TinyProject]:
    """A project with the stack `dev`, which no command has touched yet; `endpoint` is that of a cloud beside it."""
    layout = checkout()
    work, state = folder / "project", folder / "state"
    work.mkdir()
    (work / "Pulumi.yaml").write_text("name: tiny\nruntime:\n  name: python\n  options:\n    virtualenv: .venv\n")
    (work / "Pulumi.dev.yaml").write_text(STACK_FILE)
    seed(read_project(work), state, passphrase(layout), layout)
    beside = LocalCloud(endpoint, int(endpoint.rpartition(":")[2]))
    project = TinyProject(
        work, state, environment(beside, Credentials("AKIAUNUSED", "unused"), state, caller=os.environ)
    )
    try:
        yield project
    finally:
        for process in project.processes:
            process.kill()
            process.wait()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinyProject]:
    """A tiny project without a cloud: its program makes nothing in one, and each process is a new one."""
    with tiny_project(tmp_path, NO_CLOUD) as project:
        yield project


@pytest.fixture
def forked(tmp_path: Path, cloud: Cloud) -> Iterator[TinyProject]:
    """A tiny project beside a local cloud, which keeps a process that those of the engine's are forked from."""
    if cloud.target != "local" or not SUPPORTED:
        pytest.skip("only a local cloud keeps a process to be forked, on Linux")
    assert cloud.endpoint is not None
    with tiny_project(tmp_path, cloud.endpoint) as project:
        yield project


@pytest.fixture(params=["tiny", "forked"])
def either(request: pytest.FixtureRequest) -> TinyProject:
    """Without and with a process to be forked: a program must not see the difference."""
    project: TinyProject = request.getfixturevalue(request.param)
    return project
