"""Runs the Pulumi CLI on a project folder, as a user would type it."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from operations.backends import versions
from operations.children import attended
from operations.errors import EngineError
from operations.torn_states import put_back

# What is shown of a failed run: enough for the diagnostics that Pulumi prints last.
TAIL_LINES = 40
# How long a state that was found half written may take to be whole.
HALF_WRITTEN_S = 5.0
ROOT_TYPE = "pulumi:pulumi:Stack"
# What tells that an object in a state is no plain one, and the value of it that says that it is a secret, and no asset.
# https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
SIGNATURE, SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"

NOT_FOUND = (
    "`pulumi` is not on PATH. Type `make shell` for a shell that has it, or install it from "
    "https://www.pulumi.com/docs/install/."
)


def _ignore(line: str) -> None:
    """The default for `on_line`: nobody watches."""


class _HalfWrittenError(EngineError):
    """A state is being written."""


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
    _configs: dict[tuple[str, int], Mapping[str, str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _states: dict[str, tuple[object, str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def run(self, arguments: Sequence[str], on_line: Callable[[str], None] = _ignore) -> str:
        """`pulumi <arguments>`: standard output and errors, line by line to `on_line`, and as a whole.

        Raises EngineError when pulumi cannot be started or ends with an error.
        """
        if arguments[0] == "config":
            self._configs.clear()
        lines: list[str] = []
        with self._started(
            ["--non-interactive", "--color", "never", *arguments],
            stdin=subprocess.DEVNULL,  # it must not ask
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            for line in process.stdout or ():
                lines.append(line.rstrip("\n"))
                on_line(lines[-1])
        if process.returncode != 0:
            raise _failed(arguments, process.returncode, "\n".join(lines[-TAIL_LINES:]))
        return "\n".join(lines)

    def attached(self, arguments: Sequence[str]) -> None:
        """`pulumi <arguments>` on this terminal: it shows and asks as it does when typed. Raises EngineError."""
        with self._started(arguments) as process:
            pass
        if process.returncode != 0:
            raise EngineError(f"`pulumi {' '.join(arguments)}` ended with exit code {process.returncode}; see above.")

    def up(self, stack: str, on_line: Callable[[str], None] = _ignore) -> None:
        """Deploy a stack without asking."""
        self.run(["up", "--yes", "--skip-preview", "--stack", stack], on_line)

    def destroy(self, stack: str, on_line: Callable[[str], None] = _ignore) -> None:
        """Delete everything of a stack without asking."""
        self.run(["destroy", "--yes", "--skip-preview", "--stack", stack], on_line)

    def ensure(self, stacks: Iterable[str]) -> list[str]:
        """Make those stacks in the backend that are not there; the stacks that hold resources of AWS now."""
        listed = self._listed()
        known = [one["name"] for one in listed]
        for stack in stacks:
            if stack not in known:
                self.run(["stack", "init", stack, "--no-select"])
        return self._holding(listed)

    def stacks(self) -> list[str]:
        """The stacks that the backend knows."""
        return [known["name"] for known in self._listed()]

    def deployed(self) -> list[str]:
        """The stacks that hold resources of AWS now."""
        return self._holding(self._listed())

    def _listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._asked(["stack", "ls", "--json"]))
        return found

    def _holding(self, listed: Iterable[Mapping[str, Any]]) -> list[str]:
        held = [stack["name"] for stack in listed if stack.get("resourceCount")]
        with ThreadPoolExecutor() as threads:  # side by side: the engine takes a moment for each
            resources = dict(zip(held, threads.map(self.resources, held), strict=True))
        return [name for name in held if any(one["type"].startswith("aws:") for one in resources[name])]

    def config(self, stack: str) -> Mapping[str, str]:
        """A stack's settings as the program gets them: key → text, lists and maps as JSON, secrets decrypted.

        Asked once, as long as the stack's file stays as it is; setting one anew asks again.
        """
        file = self.folder / f"Pulumi.{stack.rpartition('/')[2]}.yaml"
        known = (stack, file.stat().st_mtime_ns if file.exists() else 0)
        if known not in self._configs:
            found = json.loads(self._asked(["config", "--json", "--show-secrets", "--stack", stack]))
            self._configs[known] = {key: value["value"] for key, value in found.items()}
        return self._configs[known]

    def outputs(self, stack: str) -> dict[str, Any]:
        """What a stack exports: instance name → outputs, secrets decrypted."""
        found: dict[str, Any] = next(
            (one.get("outputs") or {} for one in self.resources(stack) if one["type"] == ROOT_TYPE), {}
        )
        if SECRET in json.dumps(found):
            found = json.loads(self._asked(["stack", "output", "--json", "--show-secrets", "--stack", stack]))
        return found

    def resources(self, stack: str) -> list[dict[str, Any]]:
        """The resources in a stack's state."""
        found: list[dict[str, Any]] = self.state(stack)["deployment"].get("resources") or []
        return found

    def state(self, stack: str) -> dict[str, Any]:
        """A stack's whole state: `deployment` has `resources`, and as `pending_operations` what was interrupted.

        Asked once, as long as the file of the state stays as it is, where states are files.
        """
        seen = versions(self.environment, stack)
        known, text = self._states.get(stack, (None, ""))
        if not seen or known != seen:
            text = self._asked(["stack", "export", "--stack", stack])
            self._states[stack] = seen, text
        found: dict[str, Any] = json.loads(text)
        return found

    def decrypted_state(self, stack: str) -> dict[str, Any]:
        """The same with the texts of its secrets in their place: to be looked at, and never put back."""
        found: dict[str, Any] = _decrypted(
            json.loads(self._asked(["stack", "export", "--show-secrets", "--stack", stack]))
        )
        return found

    def replace_state(self, stack: str, state: Mapping[str, Any]) -> None:
        """Put another state in the place of a stack's."""
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(state, file)
            file.flush()
            self.run(["stack", "import", "--stack", stack, "--file", file.name])

    def preview(self, stack: str, *, refresh: bool = False) -> Preview:
        """What `pulumi up` would do; `refresh` reads first what there really is.

        Raises EngineError when pulumi cannot be started or says nothing in JSON.
        """
        arguments = ["preview", "--json", "--stack", stack, *(["--refresh"] if refresh else [])]
        code, shown, errors = self._ran(arguments)
        try:
            found = json.loads(shown)
        except ValueError:
            raise _failed(arguments, code, errors) from None
        diagnostics = found.get("diagnostics", [])
        return Preview(
            steps=found.get("steps", []),
            errors=[one for one in diagnostics if one["severity"] == "error"] if code else [],
        )

    def _asked(self, arguments: Sequence[str]) -> str:
        """What `pulumi <arguments>` prints. Raises EngineError.

        An engine that was interrupted may still be writing its state, of which another one then sees a part: that is
        asked again for some seconds, and then taken for torn by an engine that was killed. Where nothing is torn any
        more, it was written in the meantime.
        """
        try:
            return self._whole(arguments)
        except _HalfWrittenError:
            put_back(self.environment)
            return self._whole(arguments)

    def _whole(self, arguments: Sequence[str]) -> str:
        for attempt in Retrying(
            retry=retry_if_exception_type(_HalfWrittenError),
            stop=stop_after_delay(HALF_WRITTEN_S),
            wait=wait_fixed(0.5),
            reraise=True,
        ):
            with attempt:
                code, shown, errors = self._ran(arguments)
                if code != 0 and errors.strip().endswith(": EOF"):
                    raise _HalfWrittenError(str(_failed(arguments, code, errors.strip())))
                if code != 0:
                    raise _failed(arguments, code, errors.strip())
        return shown

    def _ran(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        """The exit code of `pulumi <arguments>`, its output, and its errors and warnings."""
        options: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with self._started(["--non-interactive", "--color", "never", *arguments], text=True, **options) as process:
            shown, errors = process.communicate()
        return process.returncode, shown, errors

    def _started(self, arguments: Sequence[str], **options: Any) -> AbstractContextManager[subprocess.Popen[Any]]:
        # Found first, since an error of the block would look the same: PATH is that of the environment.
        if shutil.which("pulumi", path=self.environment.get("PATH")) is None:
            raise EngineError(NOT_FOUND)
        return attended(["pulumi", *arguments], cwd=self.folder, env=dict(self.environment), **options)


def _decrypted(value: Any) -> Any:
    if isinstance(value, list):
        return [_decrypted(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) == SECRET:
        return _decrypted(json.loads(value["plaintext"]))
    return {name: _decrypted(one) for name, one in value.items()}


def _failed(arguments: Sequence[str], code: int, shown: str) -> EngineError:
    return EngineError(f"`pulumi {' '.join(arguments)}` ended with exit code {code}:\n{shown}")
