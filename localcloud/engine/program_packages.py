"""What a Python program depends on: its packages, and the resource plugins that these ask for."""

import json
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

PLUGIN_FILE = "pulumi-plugin.json"


@dataclass(frozen=True)
class Plugin:
    """A resource plugin, by name and version (`7.51.1`)."""

    name: str
    version: str


def required_plugins() -> list[Plugin]:
    """The resource plugins of the installed Pulumi packages, from the `pulumi-plugin.json` in each of them."""
    found = []
    for distribution in metadata.distributions():
        if not distribution.name.lower().startswith("pulumi"):
            continue
        # Looked up by name: to search a package's list of files takes longer than everything else in this process.
        file = Path(str(distribution.locate_file(distribution.name.replace("-", "_")))) / PLUGIN_FILE
        description = json.loads(file.read_text()) if file.exists() else {}
        if description.get("resource"):
            version = description.get("version") or distribution.version
            found.append(Plugin(description.get("name") or distribution.name, version.removeprefix("v")))
    return found


def program_packages(*, include_transitive: bool) -> list[tuple[str, str]]:
    """Names and versions of the installed packages; without transitive ones, those that no other requires."""
    installed = {normal(distribution.name): distribution for distribution in metadata.distributions()}
    required = set()
    if not include_transitive:
        for distribution in installed.values():
            for requirement in distribution.requires or []:
                if "extra ==" not in requirement:
                    required.add(normal(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]))
    return sorted((found.name, found.version) for key, found in installed.items() if key not in required)


def normal(name: str) -> str:
    """A package's name as https://packaging.python.org/en/latest/specifications/name-normalization/ compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
