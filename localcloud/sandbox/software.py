"""The files that a sandbox sees: the function's code, its layers and the AWS SDK, of all that is installed here.

Search order of Lambda: code, layers, SDK (https://docs.aws.amazon.com/lambda/latest/dg/python-package.html, "Runtime
search paths").
"""

import functools
import io
import os
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

SDK = "boto3"


@functools.cache
def sdk_folder() -> str:
    """A folder that holds links to boto3 and what it requires, and to nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="sdk-"))
    for found in _with_requirements(SDK, set()):
        for entry in _top_level(found):
            target = Path(str(found.locate_file(entry)))
            if target.exists() and not (folder / entry).exists():
                (folder / entry).symlink_to(target)
    return str(folder)


def unpack(folder: Path, code: bytes, layers: Iterable[bytes], runtime: str) -> tuple[str, list[str]]:
    """Unpack code and layers below `folder`.

    Returns the task root and the search path (layers later in the list win, as in /opt).
    """
    root, opt = folder / "task", folder / "opt"
    for target, archive in ((root, code), *((opt, layer) for layer in layers)):
        target.mkdir(exist_ok=True)
        with zipfile.ZipFile(io.BytesIO(archive)) as entries:
            entries.extractall(target)
    candidates = [root, opt / "python" / "lib" / runtime / "site-packages", opt / "python"]
    return str(root), [*(str(path) for path in candidates if path.is_dir()), sdk_folder()]


def _with_requirements(name: str, seen: set[str]) -> Iterator[Distribution]:
    if name in seen:
        return
    seen.add(name)
    found = distribution(name)
    yield found
    for requirement in found.requires or []:
        if "extra ==" not in requirement:
            match = re.match(r"[A-Za-z0-9._-]+", requirement)
            assert match is not None, requirement
            yield from _with_requirements(match[0], seen)


def _top_level(found: Distribution) -> set[str]:
    """The folders and modules that a distribution puts into site-packages (its scripts, outside, start with `..`)."""
    return {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "__pycache__", os.curdir)}
