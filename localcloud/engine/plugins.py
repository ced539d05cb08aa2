"""The plugins that the engine executes: stand-ins for those that cannot be downloaded, laid out as Pulumi lays out
its own.

A stand-in is a script in `PULUMI_HOME/plugins/<kind>-<name>-v<version>/`. It is made only where the real plugin is
missing.
"""

import os
import re
import shlex
import shutil
import tempfile
from pathlib import Path

from localcloud.engine.layout import Layout
from localcloud.errors import SetupError

LANGUAGE_HOST = "pulumi-language-python"
RESOURCE_PLUGIN = "pulumi-resource-aws"
SCRIPT_MODE = 0o755


def install_language_host(layout: Layout, pulumi: Path) -> str:
    """Makes the engine find a language host; what was done, in words."""
    version = pinned_version(layout, "pulumi")
    folder = layout.pulumi_home / "plugins" / f"language-python-v{version}"
    if real := real_language_host(layout, pulumi):
        shutil.rmtree(folder, ignore_errors=True)
        return f"Pulumi's own, {real}"
    write_script(folder / LANGUAGE_HOST, module_script(layout, "localcloud.engine.language_host"))
    return f"this project's, for Pulumi {version}"


def real_language_host(layout: Layout, pulumi: Path) -> Path | None:
    """Pulumi's own language host, where the engine looks for it: next to the CLI, and on PATH."""
    bundled = pulumi.resolve().with_name(LANGUAGE_HOST)
    if os.access(bundled, os.X_OK):
        return bundled
    found = shutil.which(LANGUAGE_HOST)
    return Path(found) if found else None


def install_resource_plugin(layout: Layout) -> str:
    """Makes the engine find the `aws` plugin of the version that pulumi-aws asks for; what was done, in words."""
    name = f"resource-aws-v{pinned_version(layout, 'pulumi-aws')}"
    folder = layout.pulumi_home / "plugins" / name
    real = Path.home() / ".pulumi" / "plugins" / name
    if os.access(real / RESOURCE_PLUGIN, os.X_OK):
        if not folder.is_symlink():
            shutil.rmtree(folder, ignore_errors=True)
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.symlink_to(real)
        return f"Pulumi's own, {real}"
    if folder.is_symlink():
        folder.unlink()
    write_script(folder / RESOURCE_PLUGIN, module_script(layout, "localcloud.plugin"))
    return f"this project's, as {name}"


def install_launcher(layout: Layout, pulumi: Path) -> None:
    """Writes the `pulumi` that `make shell` has on PATH."""
    launcher = Path(__file__).with_name("launcher.py")
    write_script(layout.pulumi, script(f"exec {quoted(layout.python, '-P', '-s', launcher, pulumi)}"))


def pinned_version(layout: Layout, package: str) -> str:
    """The version that requirements.txt pins. Raises SetupError when it does not."""
    requirements = layout.project / "requirements.txt"
    match = re.search(rf"^{re.escape(package)}==(\S+)", requirements.read_text(), re.MULTILINE)
    if match is None:
        raise SetupError(f"{requirements} does not pin {package}; add a line `{package}==<version>`")
    return match.group(1)


def module_script(layout: Layout, module: str) -> str:
    """A script that runs a module of this checkout in its virtual environment, whatever the caller's Python path."""
    command = quoted(layout.python, "-I", "-S", Path(__file__).with_name("forking.py"), "-m", module)
    return script(f"export PYTHONPATH={quoted(layout.project)}", f"exec {command}")


def script(*lines: str) -> str:
    """A shell script whose last line gets the script's own arguments."""
    return "\n".join(["#!/bin/sh", *lines]) + ' "$@"\n'


def quoted(*words: str | Path) -> str:
    """The words as a shell reads them back."""
    return shlex.join(str(word) for word in words)


def write_script(path: Path, text: str) -> None:
    """Writes an executable file in one step, unless it is there already: another process may be executing it."""
    if path.exists() and path.read_text() == text and os.access(path, os.X_OK):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        file.write(text)
    os.chmod(name, SCRIPT_MODE)
    os.replace(name, path)
