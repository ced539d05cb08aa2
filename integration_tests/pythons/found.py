"""Which supported Pythons are here besides the one that runs this: the machine's, and one to be downloaded."""

import platform
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from localcloud import pythons
from localcloud.engine.command import run
from localcloud.engine.layout import cache_folder
from localcloud.engine.progress import Step

Version = tuple[int, int]

SUPPORTED: tuple[Version, ...] = ((3, 11), (3, 12), (3, 13), (3, 14))
# A build of CPython for Java programs, whole and relocatable: https://github.com/bytedeco/javacpp-presets/tree/master/cpython
ARTIFACT = "org.bytedeco:cpython:3.14.3-1.5.13:jar:linux-x86_64"
ARTIFACT_VERSION: Version = (3, 14)
INSIDE = "org/bytedeco/cpython/linux-x86_64/"
ADVICE = "Maven must reach its repository. Without that, this Python is left out."


def others() -> dict[Version, Path]:
    """The newest release of each version, except the version that runs this."""
    found = {python.version[:2]: python.path for python in pythons.found()}
    downloaded = _downloaded() / "bin" / "python3"
    if downloaded.exists():
        found.setdefault(ARTIFACT_VERSION, downloaded)
    return {version: found[version] for version in SUPPORTED if version in found and version != sys.version_info[:2]}


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


def _downloaded() -> Path:
    return cache_folder() / f"python-{ARTIFACT.split(':')[2]}"
