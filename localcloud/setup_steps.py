"""The steps of set-up: what each makes, how it knows that it is done, how it is done. Standard library only."""

import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcloud.engine import cli, plugins
from localcloud.engine.command import run
from localcloud.engine.layout import Layout, cache_folder
from localcloud.engine.progress import Step
from localcloud.errors import SetupError

# Without --no-compile most of the time goes into the bytecode of pulumi-aws, of whose modules a program imports a few.
PIP_OPTIONS = ("--disable-pip-version-check", "--no-input", "--no-compile", "--progress-bar", "off")
USER_REQUIREMENTS = ("requirements.txt", "constraints.txt")
NETWORK_ADVICE = "Check that this machine reaches the Python package index, and run the same command again."
VENV_ADVICE = (
    "This Python has no working `venv` module. On Debian and Ubuntu `apt install python3-venv` installs it; "
    "or name another Python: `make PYTHON=python3.13 demo`."
)


@dataclass(frozen=True)
class SetupStep:
    """A step. `key` says what its result depends on; `result` is a path that exists when it is done."""

    name: str
    what: str
    key: Callable[[Layout], str]
    result: Callable[[Layout], Path]
    do: Callable[[Layout, Step], str]

    def stamp(self, layout: Layout) -> Path:
        """The file that remembers the key of the last time. It is in the virtual environment, to vanish with it."""
        return layout.python.parents[1] / "tributary" / self.name.replace(" ", "-")

    def is_done(self, layout: Layout) -> bool:
        """Whether the result is there and was made for the same key."""
        stamp = self.stamp(layout)
        return self.result(layout).exists() and stamp.exists() and stamp.read_text() == self.key(layout)


def digest(*parts: str | Path) -> str:
    """A hash of texts and of files' contents."""
    hashed = hashlib.sha256()
    for part in parts:
        hashed.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        hashed.update(b"\0")
    return hashed.hexdigest()


def environment_version(layout: Layout) -> tuple[int, ...]:
    """The Python version of the virtual environment, such as (3, 11, 7); () when there is none."""
    file = layout.python.parents[1] / "pyvenv.cfg"
    match = re.search(r"^version(?:_info)?\s*=\s*([\d.]+)", file.read_text(), re.MULTILINE) if file.exists() else None
    return tuple(int(number) for number in match.group(1).strip(".").split(".")) if match else ()


def _environment_key(layout: Layout) -> str:
    # Scripts in a virtual environment hold its path: a checkout that was moved needs a new one.
    return digest(str(layout.project), str(environment_version(layout)))


def _make_environment(layout: Layout, step: Step) -> str:
    folder = layout.python.parents[1]
    if not (layout.python.exists() and environment_version(layout) >= (3, 11)):
        run([sys.executable, "-m", "venv", "--clear", folder], advice=VENV_ADVICE)
    return f"virtual environment {folder.name}, Python {'.'.join(map(str, environment_version(layout)))}"


def _requirements_key(layout: Layout, *names: str) -> str:
    return digest(_environment_key(layout), *(layout.project / name for name in names))


def _install_requirements(layout: Layout, step: Step, name: str) -> str:
    return _pip(layout, step, "--requirement", layout.project / name)


def _install_project(layout: Layout, step: Step) -> str:
    # `compat` puts the checkout itself on the path, so that a new package is found without another installation:
    # https://setuptools.pypa.io/en/latest/userguide/development_mode.html#legacy-behavior
    _pip(layout, step, "--no-deps", "--editable", layout.project, "--config-settings", "editable_mode=compat")
    return "`tributary` command, from this checkout"


def _pip(layout: Layout, step: Step, *arguments: str | Path) -> str:
    packages = 0

    def line(text: str) -> None:
        nonlocal packages
        if text.startswith(("Collecting ", "Requirement already satisfied: ")):
            packages += 1
        step.progress(f"{packages} packages found" if packages else "working")

    run([layout.python, "-m", "pip", "install", *PIP_OPTIONS, *arguments], on_line=line, advice=NETWORK_ADVICE)
    return f"{packages} packages"


def _pulumi_key(layout: Layout) -> str:
    # A CLI that the user installs later is preferred, and one that is removed is replaced.
    found = cli.candidate(layout.pulumi.parent)
    own = f"{found} {found.stat().st_mtime_ns}" if found else "none"
    return digest(cli.VERSION, own, str(cli.cached(cache_folder())), str(layout.project))


def _get_pulumi(layout: Layout, step: Step) -> str:
    pulumi = cli.obtain(cache_folder(), layout.pulumi.parent, layout.python, step)
    plugins.install_launcher(layout, pulumi)
    installed = layout.engine / "cli"
    installed.unlink(missing_ok=True)
    installed.symlink_to(pulumi)
    return f"Pulumi CLI, {pulumi}"


def _plugins_key(layout: Layout) -> str:
    return digest(
        _pulumi_key(layout),
        Path(plugins.__file__),
        layout.project / "requirements.txt",
        str(shutil.which(plugins.LANGUAGE_HOST)),
        str(os.access(Path.home() / ".pulumi" / "plugins", os.X_OK)),
    )


def _install_plugins(layout: Layout, step: Step) -> str:
    pulumi = (layout.engine / "cli").resolve()
    host = plugins.install_language_host(layout, pulumi)
    return f"language host: {host}; `aws` plugin: {plugins.install_resource_plugin(layout)}"


def install_command(packages: Sequence[str]) -> str:
    """How a user gets Debian packages."""
    return f"on Debian and Ubuntu `sudo apt-get install {' '.join(packages)}` installs it"


def _servers_key(layout: Layout) -> str:
    return digest(_environment_key(layout), *(str(shutil.which(name)) for name in SERVER_PACKAGES))


def _install_servers(layout: Layout, step: Step) -> str:
    # Nothing depends on them but stories, which are skipped where one is missing.
    missing = [name for name in SERVER_PACKAGES if shutil.which(name) is None]
    if not missing:
        return ", ".join(SERVER_PACKAGES)
    advice = install_command(missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return f"{', '.join(missing)} not there, stories that need them are skipped; {advice}"
    install = ("install", "--yes", "--no-install-recommends", *missing)
    # A machine that is new knows no packages before it has asked for their lists.
    for attempt in ((install,), (("update",), install)):
        try:
            for words in attempt:
                _apt_get(words, step, advice)
        except SetupError:
            continue
        return f"installed {', '.join(missing)}"
    return f"{', '.join(missing)} could not be installed, stories that need them are skipped; {advice}"


def _apt_get(words: Sequence[str], step: Step, advice: str) -> None:
    environment = {**os.environ, **_NO_QUESTIONS}
    run(["apt-get", *words], on_line=lambda line: step.progress(line[:100]), env=environment, advice=advice)


# The software behind ElastiCache, for tests. A package asks nothing, and starts no server of its own.
SERVER_PACKAGES = ("redis-server", "memcached")
_NO_QUESTIONS = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}

SERVERS = SetupStep(
    "servers", "installing the caches that tests use", _servers_key, lambda layout: layout.python, _install_servers
)
ENVIRONMENT = SetupStep(
    "python", "making the virtual environment", _environment_key, lambda layout: layout.python, _make_environment
)
PACKAGES = SetupStep(
    "packages",
    "installing what a deployment needs",
    lambda layout: _requirements_key(layout, *USER_REQUIREMENTS),
    lambda layout: layout.python.with_name("pytest"),
    lambda layout, step: _install_requirements(layout, step, "requirements.txt"),
)
TOOLS = SetupStep(
    "tools",
    "installing what developing needs",
    lambda layout: _requirements_key(layout, *USER_REQUIREMENTS, "requirements-dev.txt"),
    lambda layout: layout.python.with_name("ruff"),
    lambda layout, step: _install_requirements(layout, step, "requirements-dev.txt"),
)
PROJECT = SetupStep(
    "tributary",
    "installing the `tributary` command",
    lambda layout: _requirements_key(layout, "pyproject.toml"),
    lambda layout: layout.python.with_name("tributary"),
    _install_project,
)
PULUMI = SetupStep("pulumi", "getting the Pulumi CLI", _pulumi_key, lambda layout: layout.engine / "cli", _get_pulumi)
PLUGINS = SetupStep(
    "plugins", "laying in language host and plugin", _plugins_key, lambda layout: layout.pulumi_home, _install_plugins
)
