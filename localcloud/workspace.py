"""A project that is ready to be deployed to a local cloud: accounts with deployers, empty stacks, environment."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from localcloud.accounts import prepare, prepared
from localcloud.engine.environment import DEFAULT_REGION, environment, passphrase
from localcloud.engine.layout import Layout, checkout
from localcloud.engine.locks import locked
from localcloud.engine.stacks import Project, read_project, seed
from localcloud.server import LocalCloud


@dataclass(frozen=True)
class Workspace:
    """`environment` is for the CLI, AWS clients and the `tributary` command; `state` holds the stacks' state."""

    project: Project
    state: Path
    environment: dict[str, str]


def open_workspace(
    cloud: LocalCloud,
    folder: Path,
    *,
    interactive: bool = False,
    layout: Layout | None = None,
    caller: Mapping[str, str] = os.environ,
) -> Workspace:
    """Prepares the accounts that the stack files of `folder` name, and makes the stacks; what is there is kept.

    Raises ProjectError when the folder's files are wrong, NotRunningError when the cloud has stopped.
    """
    layout = layout or checkout()
    project = read_project(folder)
    home = _home(cloud, layout)
    # Two terminals that open the same cloud at once would each make an operator's key of their own.
    with locked(home / "workspace.lock"):
        state = state_folder(cloud, layout)
        if cloud.folder is None and not prepared(cloud):
            # Somebody else started this cloud, on an endpoint where another one was: what that one held is gone.
            shutil.rmtree(state, ignore_errors=True)
        credentials = prepare(cloud, project.account_ids, keep=home)
        seed(project, state, passphrase(layout, caller), layout)
        pulumi_home = _pulumi_home(home, layout)
    variables = environment(
        cloud,
        credentials,
        state,
        region=project.region or DEFAULT_REGION,
        layout=layout,
        caller=caller,
        interactive=interactive,
    )
    return Workspace(project, state, variables | {"PULUMI_HOME": str(pulumi_home)})


def state_folder(cloud: LocalCloud, layout: Layout) -> Path:
    """Where the stacks' state is: with the local cloud, whose resources it describes, so that both end together."""
    return _home(cloud, layout) / "pulumi"


def reset(cloud: LocalCloud, layout: Layout) -> None:
    """Empties the local cloud, and forgets the stacks that described it."""
    cloud.reset()
    shutil.rmtree(state_folder(cloud, layout), ignore_errors=True)


def _home(cloud: LocalCloud, layout: Layout) -> Path:
    """The folder for what is known of a cloud: its own, or one for the endpoint of a cloud that is somebody else's."""
    if cloud.folder is not None:
        return cloud.folder
    host = cloud.endpoint.partition("://")[2].replace(":", "-").replace("/", "-")
    return layout.clouds / f"attached-{host}"


def _pulumi_home(home: Path, layout: Layout) -> Path:
    """PULUMI_HOME of one cloud: the checkout's plugins, and a selected stack of its own."""
    folder = home / "pulumi-home"
    folder.mkdir(parents=True, exist_ok=True)
    plugins = folder / "plugins"
    if not plugins.is_symlink():
        plugins.symlink_to(layout.pulumi_home / "plugins")
    return folder
