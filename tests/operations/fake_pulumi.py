"""A `pulumi` for tests: it answers what it is asked from stack files and from what a test says is deployed.

`installed(folder)` makes an executable; the test puts its folder on PATH. What it was asked is in `calls`.
"""

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SCRIPT = f"#!{sys.executable} -P\nimport sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"


@dataclass(frozen=True)
class FakePulumi:
    """`bin` is for PATH; a stack of `write` is deployed when it has outputs."""

    bin: Path

    def deploy(self, stack: str, outputs: Any, resources: Any = (), pending: Any = ()) -> None:
        """Say what a stack exports, what is in its state besides one table, and what was interrupted."""
        table = {"urn": "urn", "type": "aws:dynamodb/table:Table"}
        root = {"urn": "urn::root", "type": "pulumi:pulumi:Stack", "outputs": outputs}
        found = {"resources": [root, table, *resources], "pending_operations": list(pending)}
        (self.bin / f"{stack}.json").write_text(json.dumps(found))

    def calls(self) -> list[list[str]]:
        """What it was asked, without the options of every call."""
        log = self.bin / "calls"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def imported(self) -> Any:
        """The state that was put in the place of another."""
        return json.loads((self.bin / "imported").read_text())["deployment"]


def installed(folder: Path) -> FakePulumi:
    """A `pulumi` in a folder that it makes."""
    folder.mkdir()
    path = folder / "pulumi"
    path.write_text(f"{SCRIPT}import fake_pulumi\nfake_pulumi.main({str(folder)!r}, sys.argv[1:])\n")
    path.chmod(0o755)
    return FakePulumi(folder)


def config(path: Path) -> dict[str, dict[str, Any]]:
    """A stack file as `pulumi config --json` shows it."""
    found = yaml.safe_load(path.read_text())["config"]
    return {
        key: {"value": value if isinstance(value, str) else json.dumps(value, default=str), "secret": False}
        for key, value in found.items()
    }


def main(folder: str, arguments: list[str]) -> None:
    """Answers one command."""
    words = [word for word in arguments if word not in ("--non-interactive", "--color", "never")]
    with (Path(folder) / "calls").open("a") as log:
        log.write(json.dumps(words) + "\n")
    stack = words[words.index("--stack") + 1] if "--stack" in words else None
    deployed = {file.stem: json.loads(file.read_text()) for file in Path(folder).glob("*.json")}
    match words:
        case ["config", "--json", *_]:
            answer: Any = config(Path(f"Pulumi.{stack}.yaml"))
        case ["stack", "ls", *_]:
            names = [path.name[len("Pulumi.") : -len(".yaml")] for path in Path().glob("Pulumi.*.yaml")]
            answer = [{"name": name, "resourceCount": int(name in deployed)} for name in names]
        case ["stack", "import", *_]:
            shutil.copy(words[words.index("--file") + 1], Path(folder) / "imported")
            return
        case ["stack", "export", *_]:
            answer = {"deployment": deployed.get(stack or "", {})}
        case _:
            return
    print(json.dumps(answer))
