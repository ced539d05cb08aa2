"""Puts back the state of a stack whose engine was killed while it wrote it.

In a folder, Pulumi keeps the state before the last one beside it, as `<stack>.json.bak`; what it lacks of the last step
is found as after any other interruption.
https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from operations.backends import folder_of


def put_back(environment: Mapping[str, str]) -> list[Path]:
    """The torn states that were replaced by the ones before them; none where the backend is no folder."""
    folder = folder_of(environment)
    if folder is None:
        return []
    states = (folder / "stacks").glob("**/*.json")
    torn = [state for state in states if not _whole(state) and _whole(_before(state))]
    for state in torn:
        shutil.copyfile(_before(state), state)
    return torn


def _before(state: Path) -> Path:
    return state.with_name(f"{state.name}.bak")


def _whole(state: Path) -> bool:
    try:
        return isinstance(json.loads(state.read_bytes()), dict)
    except (OSError, ValueError):
        return False
