"""`make pythons`: the demo, the fast tests and a story, with each other supported Python that is here.

`make pythons PYTHONS="oldest newest"`, or versions such as `3.13`, are some of them. Each has a copy of this checkout
in the user's cache folder, where it is set up once as anybody's would be.
"""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from integration_tests.pythons.found import ARTIFACT_VERSION, SUPPORTED, Version, can_be_downloaded, download, others
from localcloud.engine.layout import cache_folder, checkout
from localcloud.engine.progress import step
from localcloud.errors import SetupError

# What is typed, by its name.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "demo": ("demo", "DEMO_RECORDS=500"),
    "fast tests": ("test", "PYTEST_WORKERS=0", "TESTS=tests -q"),
    "a story": ("test", "PYTEST_WORKERS=0", "TESTS=integration_tests/table_replica/test_replicating.py -q"),
}
KEPT = {".venv", ".tributary"}
TAIL_LINES = 60


def main(words: Sequence[str]) -> int:
    """The exit code: 0 when everything passed with each Python that is named, or with all that are here."""
    pythons = others()
    if ARTIFACT_VERSION not in pythons and sys.version_info[:2] != ARTIFACT_VERSION and can_be_downloaded():
        try:
            with step("python", f"getting Python {shown(ARTIFACT_VERSION)}") as line:
                download(line)
                line.done(f"Python {shown(ARTIFACT_VERSION)}")
        except SetupError as error:
            print(error, file=sys.stderr)
        pythons = others()
    here = sys.version_info[:2]
    for version in SUPPORTED:
        if version not in pythons and version != here:
            print(
                f"Python {shown(version)}: not tried, it is not here; put `python{shown(version)}` on PATH", flush=True
            )
    try:
        chosen = named(words, {*pythons, here})
    except KeyError as error:
        print(f"PYTHONS: {error.args[0]} is none of {', '.join(map(shown, sorted(pythons)))}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        running = {
            version: threads.submit(tried, version, path) for version, path in pythons.items() if version in chosen
        }
        try:
            return max((one.result() for one in running.values()), default=0)
        except KeyboardInterrupt:
            for version, one in running.items():
                if one.cancel():
                    print(f"Python {shown(version)}: not tried, the run was ended before", flush=True)
            return 130


def named(words: Sequence[str], versions: Collection[Version]) -> set[Version]:
    """The versions that words stand for; all without a word. Raises KeyError for what is none of them."""
    names = {shown(version): version for version in versions} | {"oldest": min(versions), "newest": max(versions)}
    return {names[word] for word in words} or set(versions)


def tried(version: Version, python: Path) -> int:
    """Run the commands; 1 when one of them fails, after the end of what it showed."""
    folder = cache_folder() / "checkouts" / shown(version)
    copy(checkout().project, folder)
    # What the `make` around this was told is not meant for those within.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    left = dict(COMMANDS)
    for name, words in COMMANDS.items():
        del left[name]
        began = time.monotonic()
        command = ["make", f"PYTHON={python}", *words]
        done = subprocess.run(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        result = "passed" if done.returncode == 0 else f"failed with exit code {done.returncode}"
        print(f"Python {shown(version)}: {name} {result} ({time.monotonic() - began:.0f} s)", flush=True)
        if done.returncode != 0:
            print("\n".join(done.stdout.splitlines()[-TAIL_LINES:]), flush=True)
            print(f"To try it again: cd {folder} && {shlex.join(command)}", flush=True)
            if left:
                print(f"Python {shown(version)}: not run: {', '.join(left)}", flush=True)
            return 1
    return 0


def copy(project: Path, folder: Path) -> None:
    """The files of a checkout that git knows or would take, in place of those of before; its set-up stays."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=project, capture_output=True, text=True, check=True).stdout.split("\0")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.name not in KEPT:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for name in names:
        if (project / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, folder / name)


def shown(version: Version) -> str:
    """As in `python3.12`."""
    return f"{version[0]}.{version[1]}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
