"""Where Pulumi keeps states and locks, when that is a folder.

https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit


def folder_of(environment: Mapping[str, str]) -> Path | None:
    """The folder with `stacks` and `locks` in it; None for any other backend."""
    backend = urlsplit(environment.get("PULUMI_BACKEND_URL", ""))
    return Path(unquote(backend.path)) / ".pulumi" if backend.scheme == "file" else None
