"""Where Pulumi keeps states and locks, when that is a folder.

https://www.pulumi.com/docs/iac/concepts/state-and-backends/
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit


def folder_of(environment: Mapping[str, str]) -> Path | None:
    """The folder with `stacks` and `locks` in it; None for any other backend."""
    backend = urlsplit(environment.get("PULUMI_BACKEND_URL", ""))
    # `file://~` is the user's folder: what stands before the first slash is part of the path.
    return Path(unquote(backend.netloc + backend.path)).expanduser() / ".pulumi" if backend.scheme == "file" else None


def versions(environment: Mapping[str, str], stack: str) -> list[tuple[str, int, int]]:
    """What tells whether a stack's state has been written since: its file's path, time and size in bytes.

    A stack's name may be that of several projects; empty for any other backend.
    """
    folder = folder_of(environment)
    if folder is None:
        return []
    *_, name = stack.split("/")
    files = sorted((folder / "stacks").glob(f"*/{name}.json"))
    return [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
