"""The local clouds that `tributary local` started from a checkout: a folder each, with a file that describes it."""

import json
import os
import secrets
from pathlib import Path

from localcloud import server
from localcloud.engine.processes import started_at
from localcloud.errors import NotRunningError
from localcloud.server import LocalCloud

DESCRIPTION = "cloud.json"


def new_folder(clouds: Path) -> Path:
    """A path for a new local cloud's folder in `clouds`, the folder of them all. What dead ones left is removed."""
    server.remove_leftovers(clouds.glob("*"))
    return clouds / secrets.token_hex(4)


def register(cloud: LocalCloud) -> None:
    """Makes a running local cloud known to later commands."""
    assert cloud.folder is not None, "a cloud attached to belongs to somebody else's registry"
    assert cloud.pid is not None
    described = {"endpoint": cloud.endpoint, "port": cloud.port, "pid": cloud.pid, "started": started_at(cloud.pid)}
    temporary = cloud.folder / f"{DESCRIPTION}.new"
    temporary.write_text(json.dumps(described))
    os.replace(temporary, cloud.folder / DESCRIPTION)


def running(clouds: Path) -> list[LocalCloud]:
    """The registered local clouds whose process lives, in the order of their ports.

    After a reboot its id may be that of any other process: whoever stops that one would stop a stranger's.
    """
    found = []
    for file in clouds.glob(f"*/{DESCRIPTION}"):
        try:
            described = json.loads(file.read_text())
        except (OSError, ValueError):
            continue  # stopped at this moment
        started = described.pop("started", None)
        if started is not None and started == started_at(described["pid"]):
            found.append(LocalCloud(folder=file.parent, **described))
    return sorted(found, key=lambda cloud: cloud.port)


def one(clouds: Path, port: int | None) -> LocalCloud:
    """The local cloud on a port, or the only one that runs when no port is given. Raises NotRunningError."""
    candidates = [cloud for cloud in running(clouds) if port in (None, cloud.port)]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        ports = ", ".join(str(cloud.port) for cloud in candidates)
        raise NotRunningError(
            f"several local clouds run, on ports {ports}; say which one with `--port {candidates[0].port}`"
        )
    where = f"on port {port}" if port else "from this checkout"
    raise NotRunningError(
        f"no local cloud runs {where}; `tributary local start` starts one, `tributary local status` lists them"
    )
