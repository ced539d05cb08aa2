"""The Pulumi CLI: from PATH, else from the cache, else from the vendor's archive, else built from its Go module."""

import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from localcloud.engine.command import run
from localcloud.engine.golang import go_command
from localcloud.engine.locks import locked
from localcloud.engine.progress import Step

VERSION = "3.255.0"
# What `pulumi` on PATH must at least be: the first with the options and variables that this project uses.
OLDEST_USABLE = (3, 200, 0)
MODULE = Path(__file__).with_name("pulumi_module")
PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
# https://www.pulumi.com/docs/iac/download-install/versions/
ARCHIVE = "https://get.pulumi.com/releases/sdk/pulumi-v{version}-{system}-{machine}.tar.gz"
MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
CONNECT_TIMEOUT_S = 5.0
INSTALL_ADVICE = (
    "Install the Pulumi CLI yourself (https://www.pulumi.com/docs/iac/download-install/), so that `pulumi` is on PATH, "
    "and run the same command again."
)


def find(cache: Path, launchers: Path) -> Path | None:
    """The CLI that is on this machine already. `launchers` is the folder of our own launcher, which is not one."""
    return on_path(launchers) or cached(cache)


def obtain(cache: Path, launchers: Path, python: Path, step: Step) -> Path:
    """The CLI, downloaded or built where there is none: a build takes minutes, and happens once for a user.

    `python` has pip, for a Go toolchain where the machine has none. Raises SetupError when the CLI cannot be had.
    """
    if found := find(cache, launchers):
        return found
    with locked(cache / f"pulumi-{VERSION}.lock", on_wait=lambda: step.progress("another set-up is at it; waiting")):
        if found := cached(cache):
            return found
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="pulumi-") as temporary:
            work = Path(temporary)
            try:
                download(work, step)
            except (OSError, tarfile.TarError) as error:
                step.progress(f"the vendor's archive cannot be had ({error}); building")
                shutil.rmtree(work / "pulumi", ignore_errors=True)
                build(work, cache, python, step)
            # Only what is whole gets its name: an interrupted build leaves nothing that looks like a CLI.
            shutil.rmtree(folder(cache), ignore_errors=True)
            (work / "pulumi").rename(folder(cache))
    return executable(cache)


def folder(cache: Path) -> Path:
    """Where the cached CLI of this version is."""
    return cache / f"pulumi-{VERSION}"


def executable(cache: Path) -> Path:
    """The cached CLI itself."""
    return folder(cache) / "bin" / "pulumi"


def cached(cache: Path) -> Path | None:
    """The CLI in the cache, if there is one."""
    return executable(cache) if os.access(executable(cache), os.X_OK) else None


def on_path(launchers: Path) -> Path | None:
    """The user's own CLI, if it is new enough."""
    found = candidate(launchers)
    return found if found and usable(found) else None


def candidate(launchers: Path) -> Path | None:
    """`pulumi` on PATH, whatever its version, that is not our own launcher."""
    folders = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if Path(entry) != launchers]
    found = shutil.which("pulumi", path=os.pathsep.join(folders))
    return Path(found) if found else None


def usable(pulumi: Path) -> bool:
    """Whether the CLI at the path works and is new enough."""
    try:
        text = subprocess.run([pulumi, "version"], capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    match = re.search(r"v(\d+)\.(\d+)\.(\d+)", text)
    return match is not None and tuple(int(number) for number in match.groups()) >= OLDEST_USABLE


def download(work: Path, step: Step) -> None:
    """Unpacks the vendor's archive into `work/pulumi`. Raises OSError when it cannot be had."""
    machine = MACHINES.get(platform.machine().lower())
    if machine is None:
        raise OSError(f"there is no archive for {platform.machine()}")
    url = ARCHIVE.format(version=VERSION, system=platform.system().lower(), machine=machine)
    archive = work / "pulumi.tar.gz"
    step.progress("asking for the vendor's archive")
    with urllib.request.urlopen(url, timeout=CONNECT_TIMEOUT_S) as response, archive.open("wb") as file:
        total = int(response.headers.get("Content-Length") or 0)
        while block := response.read(1 << 20):
            file.write(block)
            step.progress(f"{file.tell() >> 20} of {total >> 20} MB")
    unpacked = work / "unpacked"
    with tarfile.open(archive) as members:
        # https://docs.python.org/3/library/tarfile.html#supporting-older-python-versions
        members.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
        members.extractall(unpacked)
    (work / "pulumi").mkdir()
    (unpacked / "pulumi").rename(work / "pulumi" / "bin")


def build(work: Path, cache: Path, python: Path, step: Step) -> None:
    """Builds the CLI into `work/pulumi` from the module versions that pulumi_module pins by hash."""
    go = go_command(cache, python, step)
    source = work / "module"
    shutil.copytree(MODULE, source)
    environment = os.environ | {"GOWORK": "off", "GOFLAGS": ""}
    advice = f"About 4 GB of disk and a reachable Go module proxy are needed for the build. {INSTALL_ADVICE}"
    packages = run(
        [go, "list", "-deps", PACKAGE],
        cwd=source,
        env=environment,
        on_line=_counter(step, "go: downloading ", "{} modules fetched"),
        advice=advice,
    )
    output = work / "pulumi" / "bin" / "pulumi"
    output.parent.mkdir(parents=True)
    run(
        [go, "build", "-v", "-ldflags", f"-s -w -X {VERSION_VARIABLE}=v{VERSION}", "-o", output, PACKAGE],
        cwd=source,
        env=environment,
        on_line=_counter(step, "", f"{{}} of at most {len(packages)} packages compiled"),
        advice=advice,
    )


def _counter(step: Step, prefix: str, text: str) -> Callable[[str], None]:
    count = 0

    def line(content: str) -> None:
        nonlocal count
        count += content.startswith(prefix)
        step.progress(text.format(count))

    return line
