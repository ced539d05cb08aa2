"""Which supported Pythons are here besides the one that runs this: on PATH, in pyenv, and one to be downloaded."""

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from localcloud.engine.command import run
from localcloud.engine.layout import cache_folder
from localcloud.engine.progress import Step

Version = tuple[int, int]

SUPPORTED: tuple[Version, ...] = ((3, 11), (3, 12), (3, 13), (3, 14))
# What a Python must have for a virtual environment with pip in it.
LOOK = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
# A build of CPython for Java programs, whole and relocatable: https://github.com/bytedeco/javacpp-presets/tree/master/cpython
ARTIFACT = "org.bytedeco:cpython:3.14.3-1.5.13:jar:linux-x86_64"
ARTIFACT_VERSION: Version = (3, 14)
INSIDE = "org/bytedeco/cpython/linux-x86_64/"
ADVICE = "Maven must reach its repository. Without that, this Python is left out."


def others() -> dict[Version, Path]:
    """The newest release of each version, except the version that runs this."""
    found: dict[Version, Path] = {}
    for python in _candidates():
        version = version_of(python)
        if version in SUPPORTED and version != sys.version_info[:2]:
            found.setdefault(version, python)
    return dict(sorted(found.items()))


def can_be_downloaded() -> bool:
    """Whether the machine has Maven, and is one that the build is for."""
    return shutil.which("mvn") is not None and (platform.system(), platform.machine()) == ("Linux", "x86_64")


def download(step: Step) -> None:
    """Put the build into the user's cache folder. Raises SetupError."""
    folder = _downloaded()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="python-") as temporary:
        work = Path(temporary)
        run(
            ["mvn", "-B", "-q", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={work}"],
            cwd=work,
            on_line=lambda line: step.progress(line.strip()[:100]),
            advice=ADVICE,
        )
        [jar] = work.glob("*.jar")
        with zipfile.ZipFile(jar) as archive:
            archive.extractall(work, [name for name in archive.namelist() if name.startswith(INSIDE)])
        for program in (work / INSIDE / "bin").iterdir():
            program.chmod(0o755)
        # Only what is whole gets its name.
        shutil.move(work / INSIDE, folder)


def version_of(python: Path) -> Version | None:
    """The version of a Python that works; None for all else, such as pyenv's stand-ins for what is not chosen."""
    try:
        told = subprocess.run([python, "-c", LOOK], capture_output=True, text=True, timeout=60).stdout.split()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return (int(told[0]), int(told[1])) if len(told) == 2 else None


def _candidates(environment: Mapping[str, str] = os.environ) -> Iterator[Path]:
    for major, minor in SUPPORTED:
        if found := shutil.which(f"python{major}.{minor}"):
            yield Path(found)
    pyenv = Path(environment.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted((pyenv / "versions").glob("3.*/bin/python3"), key=_release, reverse=True)
    yield _downloaded() / "bin" / "python3"


def _release(python: Path) -> list[int]:
    return [int(part) for part in python.parents[1].name.split(".") if part.isdigit()]


def _downloaded() -> Path:
    return cache_folder() / f"python-{ARTIFACT.split(':')[2]}"
