"""A tiny Pulumi project in a temporary folder, and the real CLI on it."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localcloud.accounts import Credentials
from localcloud.engine.environment import environment, passphrase
from localcloud.engine.layout import checkout
from localcloud.engine.stacks import read_project, seed
from localcloud.server import LocalCloud

STACK_FILE = '# how it greets\nconfig:\n    tiny:greeting:   "hello"  # a word\n'


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


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[TinyProject]:
    """A project with the stack `dev`, which no command has touched yet."""
    layout = checkout()
    folder, state = tmp_path / "project", tmp_path / "state"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: tiny\nruntime:\n  name: python\n  options:\n    virtualenv: .venv\n")
    (folder / "Pulumi.dev.yaml").write_text(STACK_FILE)
    seed(read_project(folder), state, passphrase(layout), layout)
    unused = LocalCloud("http://127.0.0.1:9", 9)  # the program makes nothing in a cloud
    variables = environment(unused, Credentials("AKIAUNUSED", "unused"), state, caller=os.environ)
    project = TinyProject(folder, state, variables)
    yield project
    for process in project.processes:
        process.kill()
        process.wait()
