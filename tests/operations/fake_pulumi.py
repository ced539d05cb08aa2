"""A `pulumi` for tests: it answers what it is asked from stack files and from what a test says is deployed.

It answers in this process, in the place of `operations.children.attended`, which `test_children` tests by itself. What
it was asked is in `calls`.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from operations.engine import SECRET, SIGNATURE


class Answered:
    """A command that has ended well, as subprocess.Popen has it."""

    returncode = 0

    def __init__(self, text: str) -> None:
        self.stdout = iter(text.splitlines(keepends=True))

    def communicate(self) -> tuple[str, str]:
        return "".join(self.stdout), ""


class FakePulumi:
    """A stack of `deploy` is deployed; `imported` is the state that was put in the place of another."""

    imported: Any = None

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self._deployed: dict[str, Any] = {}

    def deploy(self, stack: str, outputs: Any, resources: Iterable[Any] = (), pending: Iterable[Any] = ()) -> None:
        """Say what a stack exports, what is in its state besides one table, and what was interrupted."""
        table = {"urn": "urn", "type": "aws:dynamodb/table:Table"}
        root = {"urn": "urn::root", "type": "pulumi:pulumi:Stack", "outputs": outputs}
        self._deployed[stack] = {"resources": [root, table, *resources], "pending_operations": list(pending)}

    @contextmanager
    def attended(self, command: Sequence[str], *, cwd: Path, **_: Any) -> Iterator[Answered]:
        """Answers one command, without the options of every call."""
        words = [word for word in command[1:] if word not in ("--non-interactive", "--color", "never")]
        self.calls.append(words)
        answer = self._answer(words, cwd)
        yield Answered("" if answer is None else json.dumps(answer) + "\n")

    def _answer(self, words: Sequence[str], folder: Path) -> Any:
        stack = words[words.index("--stack") + 1] if "--stack" in words else ""
        match words:
            case ["config", "--json", *_]:
                return config(folder / f"Pulumi.{stack}.yaml")
            case ["stack", "ls", *_]:
                names = [path.name[len("Pulumi.") : -len(".yaml")] for path in folder.glob("Pulumi.*.yaml")]
                return [{"name": name, "resourceCount": int(name in self._deployed)} for name in names]
            case ["stack", "import", *_]:
                self.imported = json.loads(Path(words[words.index("--file") + 1]).read_text())["deployment"]
            case ["stack", "export", *_]:
                shown = self._deployed.get(stack, {})
                return {"deployment": shown if "--show-secrets" in words else _encrypted(shown)}
        return None


def secret(value: object) -> dict[str, str]:
    """A secret in a state, as it is exported with `--show-secrets`."""
    return {SIGNATURE: SECRET, "plaintext": json.dumps(value)}


def _encrypted(value: Any) -> Any:
    if isinstance(value, list):
        return [_encrypted(one) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get(SIGNATURE) == SECRET:
        return {SIGNATURE: SECRET, "ciphertext": "v1:…"}
    return {name: _encrypted(one) for name, one in value.items()}


def config(path: Path) -> dict[str, dict[str, Any]]:
    """A stack file as `pulumi config --json` shows it."""
    return {
        key: {"value": value if isinstance(value, str) else json.dumps(value, default=str), "secret": False}
        for key, value in parsed(path.read_text())["config"].items()
    }


@cache
def parsed(text: str) -> Any:
    """A stack file; nobody changes it."""
    return yaml.safe_load(text)
