"""The `pulumi` on the PATH of `make shell`: runs the CLI and leaves the committed stack files as they were.

The CLI writes the salt of the secrets passphrase into `Pulumi.<stack>.yaml`, and rewrites the file's layout while it
is there, whenever a stack has none (https://www.pulumi.com/docs/iac/concepts/secrets/). A local cloud's stacks keep
their salt in their state instead (PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER), so the launcher takes it out of the file
again. A file that holds a secret encrypted with that salt keeps both, and so does every other change that a command
or the user made.

This file is executed by path: only what it puts there itself is on sys.path.
"""

import contextlib
import os
import re
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parents[2]))

from operations.children import Ended, attended, exit_code

# The CLI runs for seconds: looking for garbage as often as Go does takes up to a seventh of its time. Until it has
# so much memory it hardly looks: https://go.dev/doc/gc-guide#Memory_limit
GARBAGE: Mapping[str, str] = {"GOGC": "1600", "GOMEMLIMIT": "256MiB"}
SALT = re.compile(rb"^encryptionsalt:.*(?:\n|$)", re.MULTILINE)
GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4}) \S+$")
SECRET = re.compile(rb"^\s+(?:- )?secure:", re.MULTILINE)


def main(pulumi: str, arguments: list[str]) -> int:
    """Runs the CLI in the foreground; its exit code, or 128 + the signal that ended it, as shells report it."""
    if gone := missing_state(os.environ):
        print(f"error: {gone}", file=sys.stderr)
        return 1
    folder = project_folder(Path.cwd())
    before = stack_files(folder)
    os.environ.update({**GARBAGE, **os.environ})
    code = run([pulumi, *without_generated_code(arguments)])
    for path, now in stack_files(folder).items():
        wanted = without_added_salt(before.get(path), now)
        if wanted != now:
            replace(path, wanted)
    return code


def run(command: list[str]) -> int:
    """Runs the CLI to its end, which is its own answer to a signal: its exit code."""
    # What a script has on standard input is the CLI's to read: `pulumi stack import < file`.
    with contextlib.suppress(KeyboardInterrupt, Ended), attended(command, stdin=None) as child:
        pass
    return exit_code(child)


def without_generated_code(arguments: list[str]) -> list[str]:
    """The arguments, for `import` with the wish that the CLI writes no program: only Pulumi's own language host can.

    Somebody who has that one asks for it with `--generate-code`.
    """
    command = next((argument for argument in arguments if not argument.startswith("-")), None)
    if command != "import" or any(argument.startswith("--generate-code") for argument in arguments):
        return arguments
    print("The resource goes into the stack's state; declare it in the program yourself.", file=sys.stderr)
    return [*arguments, "--generate-code=false"]


def missing_state(environment: Mapping[str, str]) -> str | None:
    """A message when the folder of the stacks' state is gone, and with it the local cloud that the stacks are on."""
    url = urlsplit(environment.get("PULUMI_BACKEND_URL", ""))
    if url.scheme != "file" or Path(unquote(url.path)).exists():
        return None
    return (
        f"the local cloud at {environment.get('AWS_ENDPOINT_URL')} has stopped, and the state of its stacks went with "
        "it. Leave this shell, and type `make shell` for a new one"
    )


def project_folder(start: Path) -> Path | None:
    """The nearest folder from `start` upwards that holds a Pulumi.yaml: how the CLI finds its project."""
    return next((folder for folder in (start, *start.parents) if (folder / "Pulumi.yaml").exists()), None)


def stack_files(folder: Path | None) -> dict[Path, bytes]:
    """The contents of a project's stack files."""
    return {} if folder is None else {path: path.read_bytes() for path in folder.glob("Pulumi.*.yaml")}


def without_added_salt(before: bytes | None, now: bytes) -> bytes:
    """What a stack file should hold after a command that found `before` (None: no file) and left `now`."""
    if before is None or before == now or SALT.search(before) or not SALT.search(now) or SECRET.search(now):
        return now
    unsalted = SALT.sub(b"", now)
    return before if same_settings(before, unsalted) else unsalted


def same_settings(one: bytes, other: bytes) -> bool:
    """Whether two YAML texts say the same, whatever their layout."""
    import yaml  # here, because it is seldom needed and takes longer to import than the rest of the launcher to run

    return bool(_comparable(yaml.safe_load(one) or {}) == _comparable(yaml.safe_load(other) or {}))


def _comparable(value: Any) -> Any:
    """A YAML value with its times as one text: the CLI writes a time without quotes back as Go prints it."""
    if isinstance(value, dict):
        return {key: _comparable(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_comparable(held) for held in value]
    if isinstance(value, str) and (match := GO_TIME.match(value)):
        return _comparable(datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3]}"))
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    return _comparable(datetime(value.year, value.month, value.day)) if isinstance(value, date) else value


def replace(path: Path, content: bytes) -> None:
    """Writes a file in one step, with the mode it had."""
    import tempfile  # here, like yaml

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.chmod(name, path.stat().st_mode & 0o7777)
    os.replace(name, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
