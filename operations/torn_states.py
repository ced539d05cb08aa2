"""Makes states in a folder readable again whose engine was killed while it wrote them: Pulumi only says `EOF` of them.

Beside each file of the folder Pulumi's library writes `<file>.attrs`, at once and in place. What is in it is needed for
nothing, and a file without it is read: https://pkg.go.dev/gocloud.dev/blob/fileblob. A file itself gets its name when
it is whole, but a machine that ends takes what was not on its disk yet: then the state before the last one, which is
beside it as `<stack>.json.bak`, takes its place, and what it lacks of the last step is found as after any other
interruption. https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from operations.backends import folder_of


def put_back(environment: Mapping[str, str]) -> list[Path]:
    """The torn files that were removed, and the torn states that were replaced by the ones before them.

    None where the backend is no folder.
    """
    folder = folder_of(environment)
    if folder is None:
        return []
    attributes = [file for file in folder.glob("**/*.attrs") if not _whole(file)]
    for file in attributes:
        file.unlink(missing_ok=True)
    states = (folder / "stacks").glob("**/*.json")
    torn = [state for state in states if not _whole(state) and _whole(_before(state))]
    for state in torn:
        shutil.copyfile(_before(state), state)
    return [*attributes, *torn]


def _before(state: Path) -> Path:
    return state.with_name(f"{state.name}.bak")


def _whole(state: Path) -> bool:
    try:
        return isinstance(json.loads(state.read_bytes()), dict)
    except (OSError, ValueError):
        return False
