"""The local clouds that `tributary local` started from a checkout: each has a folder, and in it a file that says where it is."""

import json
import os
import secrets
from pathlib import Path

from localcloud.errors import NotRunningError
from localcloud.server import LocalCloud, is_alive

DESCRIPTION = "cloud.json"


def new_folder(clouds: Path) -> Path:
    """A new folder for a local cloud. `clouds` is the folder of them all."""
    folder = clouds / secrets.token_hex(4)
    folder.mkdir(parents=True)
    return folder


def register(cloud: LocalCloud) -> None:
    """Makes a running local cloud known to later commands."""
    assert cloud.folder is not None, "a cloud attached to belongs to somebody else's registry"
    description = {"endpoint": cloud.endpoint, "port": cloud.port, "pid": cloud.pid}
    temporary = cloud.folder / f"{DESCRIPTION}.new"
    temporary.write_text(json.dumps(description))
    os.replace(temporary, cloud.folder / DESCRIPTION)


def running(clouds: Path) -> list[LocalCloud]:
    """The registered local clouds whose process lives, in the order of their ports."""
    found = []
    for file in clouds.glob(f"*/{DESCRIPTION}"):
        try:
            description = json.loads(file.read_text())
        except (OSError, ValueError):
            continue  # stopped at this moment
        if is_alive(description["pid"]):
            found.append(LocalCloud(folder=file.parent, **description))
    return sorted(found, key=lambda cloud: cloud.port)


def one(clouds: Path, port: int | None) -> LocalCloud:
    """The local cloud on a port, or the only one that runs when no port is given. Raises NotRunningError."""
    candidates = [cloud for cloud in running(clouds) if port in (None, cloud.port)]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        ports = ", ".join(str(cloud.port) for cloud in candidates)
        raise NotRunningError(f"several local clouds run, on ports {ports}; say which one with `--port {candidates[0].port}`")
    where = f"on port {port}" if port else "from this checkout"
    raise NotRunningError(f"no local cloud runs {where}; `tributary local start` starts one, `tributary local status` lists them")
