"""Runs the Pulumi CLI on a project folder, as a user would type it."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operations.errors import EngineError

# What is shown of a failed run: enough for the diagnostics that Pulumi prints last.
TAIL_LINES = 40

NOT_FOUND = (
    "`pulumi` is not on PATH. Type `make shell` for a shell that has it, or install it from "
    "https://www.pulumi.com/docs/install/."
)


def _ignore(line: str) -> None:
    """The default for `on_line`: nobody watches."""


@dataclass(frozen=True)
class Preview:
    """What a deployment would do: the engine's steps, and the errors because of which it would not begin."""

    steps: Sequence[Mapping[str, Any]]
    errors: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Engine:
    """`folder` holds Pulumi.yaml and the stack files; `environment` replaces this process's own when it is given."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self, arguments: Sequence[str], on_line: Callable[[str], None] = _ignore) -> str:
        """`pulumi <arguments>`: standard output and errors, line by line to `on_line`, and as a whole.

        Raises EngineError when pulumi cannot be started or ends with an error.
        """
        try:
            process = subprocess.Popen(
                ["pulumi", "--non-interactive", "--color", "never", *arguments],
                cwd=self.folder,
                env=dict(self.environment),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        except FileNotFoundError:
            raise EngineError(NOT_FOUND) from None
        lines: list[str] = []
        with process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    lines.append(line.rstrip("\n"))
                    on_line(lines[-1])
            except KeyboardInterrupt:
                # Pulumi got the same Ctrl-C: it finishes what is under way and writes its state. Wait for that.
                process.wait()
                raise
        if process.returncode != 0:
            shown = "\n".join(lines[-TAIL_LINES:])
            raise EngineError(f"`pulumi {' '.join(arguments)}` ended with exit code {process.returncode}:\n{shown}")
        return "\n".join(lines)

    def attached(self, arguments: Sequence[str]) -> None:
        """`pulumi <arguments>` on this terminal: it shows and asks as it does when typed. Raises EngineError."""
        try:
            ended = subprocess.run(["pulumi", *arguments], cwd=self.folder, env=dict(self.environment), check=False)
        except FileNotFoundError:
            raise EngineError(NOT_FOUND) from None
        if ended.returncode != 0:
            raise EngineError(f"`pulumi {' '.join(arguments)}` ended with exit code {ended.returncode}; see above.")

    def up(self, stack: str, on_line: Callable[[str], None] = _ignore) -> None:
        """Deploy a stack without asking."""
        self.run(["up", "--yes", "--skip-preview", "--stack", stack], on_line)

    def destroy(self, stack: str, on_line: Callable[[str], None] = _ignore) -> None:
        """Delete everything of a stack without asking."""
        self.run(["destroy", "--yes", "--skip-preview", "--stack", stack], on_line)

    def ensure(self, stack: str) -> None:
        """Make a stack in the backend unless it is there."""
        if stack not in self.stacks():
            self.run(["stack", "init", stack, "--no-select"])

    def stacks(self) -> list[str]:
        """The stacks that the backend knows."""
        return [known["name"] for known in json.loads(self.run(["stack", "ls", "--json"]))]

    def deployed(self) -> list[str]:
        """The stacks that hold resources of AWS now."""
        known = json.loads(self.run(["stack", "ls", "--json"]))
        held = [stack["name"] for stack in known if stack.get("resourceCount")]
        return [name for name in held if any(one["type"].startswith("aws:") for one in self.resources(name))]

    def outputs(self, stack: str) -> dict[str, Any]:
        """What a stack exports: instance name → outputs."""
        found: dict[str, Any] = json.loads(self.run(["stack", "output", "--json", "--stack", stack]))
        return found

    def resources(self, stack: str) -> list[dict[str, Any]]:
        """The resources in a stack's state."""
        exported = json.loads(self.run(["stack", "export", "--stack", stack]))
        found: list[dict[str, Any]] = exported["deployment"].get("resources", [])
        return found

    def preview(self, stack: str, *, refresh: bool = False) -> Preview:
        """What `pulumi up` would do; `refresh` reads first what there really is.

        Raises EngineError when pulumi cannot be started or says nothing in JSON.
        """
        command = ["pulumi", "--non-interactive", "--color", "never", "preview", "--json", "--stack", stack]
        command += ["--refresh"] if refresh else []
        try:
            ended = subprocess.run(
                command, cwd=self.folder, env=dict(self.environment), capture_output=True, text=True, check=False
            )
        except FileNotFoundError:
            raise EngineError(NOT_FOUND) from None
        try:
            found = json.loads(ended.stdout)
        except ValueError:
            raise EngineError(
                f"`{' '.join(command)}` ended with exit code {ended.returncode}:\n{ended.stderr}"
            ) from None
        diagnostics = found.get("diagnostics", [])
        return Preview(
            steps=found.get("steps", []),
            errors=[one for one in diagnostics if one["severity"] == "error"] if ended.returncode else [],
        )
