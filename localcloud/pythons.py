"""The other Pythons of this machine: for programs that need a newer one than this, and for tests on several.

Standard library only: set-up asks before anything is installed.
"""

import functools
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, int, int]

# Where version managers put interpreters that are not on PATH, below the home folder or anywhere.
MANAGED = (
    ".pyenv/versions/*/bin/python3",  # https://github.com/pyenv/pyenv#where-does-pyenv-install-python-versions
    ".local/share/uv/python/*/bin/python3",  # https://docs.astral.sh/uv/reference/storage/#python-versions
    ".local/share/mise/installs/python/*/bin/python3",
    ".asdf/installs/python/*/bin/python3",
)
ANYWHERE = ("/usr/local/bin/python3.*", "/opt/python/*/bin/python3", "/opt/hostedtoolcache/Python/*/*/bin/python3")
NAMES = re.compile(r"python3(\.\d+)?")
ASK_TIMEOUT_S = 20.0
# `ensurepip` is what Debian leaves out of a Python that cannot make virtual environments.
QUESTION = (
    "import json, sys, importlib.util as u; "
    "print(json.dumps([sys.executable, sys.version_info[:3], bool(u.find_spec('ensurepip') and u.find_spec('venv'))]))"
)


@dataclass(frozen=True, order=True)
class Python:
    """An interpreter, ordered by its version; one in a virtual environment is never among them."""

    version: Version
    path: Path

    def __str__(self) -> str:
        return f"Python {'.'.join(map(str, self.version))} ({self.path})"


def newest(at_least: tuple[int, int], before: tuple[int, int] = (4, 0)) -> Python | None:
    """The newest interpreter from one minor version up to another, that one excluded; None when there is none."""
    fitting = [python for python in found() if at_least <= python.version[:2] < before]
    return max(fitting, default=None)


def found() -> list[Python]:
    """The newest interpreter of each minor version that can make virtual environments, oldest first."""
    return list(_found(os.environ.get("PATH", os.defpath), os.environ.get("PYENV_ROOT", ""), Path.home()))


@functools.cache
def _found(path: str, pyenv_root: str, home: Path) -> tuple[Python, ...]:
    by_minor: dict[tuple[int, int], Python] = {}
    for python in filter(None, map(_asked, _files(path, pyenv_root, home))):
        minor = python.version[:2]
        by_minor[minor] = max(python, by_minor.get(minor, python), key=lambda one: one.version)
    return tuple(sorted(by_minor.values()))


def _files(path: str, pyenv_root: str, home: Path) -> list[Path]:
    """Every file that may be an interpreter, each once."""
    return list(dict.fromkeys(file for file in _candidates(path, pyenv_root, home) if os.access(file, os.X_OK)))


def _candidates(path: str, pyenv_root: str, home: Path) -> Iterator[Path]:
    for folder in map(Path, filter(None, path.split(os.pathsep))):
        if (folder.parent / "pyvenv.cfg").exists():  # this project's own environment, or another's
            continue
        yield from (file for file in sorted(folder.glob("python3*")) if NAMES.fullmatch(file.name))
    if pyenv_root:
        yield from sorted(Path(pyenv_root).glob("versions/*/bin/python3"))
    for pattern in MANAGED:
        yield from sorted(home.glob(pattern))
    for pattern in ANYWHERE:
        yield from (file for file in sorted(Path("/").glob(pattern[1:])) if NAMES.fullmatch(file.name))


def _asked(file: Path) -> Python | None:
    """The interpreter behind a file; None for one that does not run, such as a version manager's unused shim."""
    try:
        answer = subprocess.run(
            [file, "-I", "-c", QUESTION],
            capture_output=True,
            text=True,
            env=_neutral(os.environ),
            stdin=subprocess.DEVNULL,
            timeout=ASK_TIMEOUT_S,
        )
        executable, version, whole = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Python((version[0], version[1], version[2]), Path(executable)) if whole else None


def _neutral(caller: Mapping[str, str]) -> dict[str, str]:
    """Without what makes one interpreter stand for another."""
    return {name: value for name, value in caller.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "PYENV_V"))}
