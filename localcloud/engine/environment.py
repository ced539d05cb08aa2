"""The environment in which `pulumi` works against a local cloud, whatever AWS or Pulumi settings the caller has."""

import contextlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from localcloud.accounts import Credentials
from localcloud.engine.layout import Layout, checkout
from localcloud.server import LocalCloud

DEFAULT_REGION = "us-east-1"
PASSPHRASE_FILE = "passphrase"
# What a caller's variables may start with to have an effect on AWS clients, the engine, or a `make` inside the shell.
WITHHELD_PREFIXES = ("AWS_", "BOTO_", "PULUMI_", "LOCALSTACK_", "MAKE", "MFLAGS", "PYTHON", "GIT_")
NO_PROXY = "127.0.0.1,localhost"


def environment(
    cloud: LocalCloud,
    credentials: Credentials,
    state: Path,
    *,
    region: str = DEFAULT_REGION,
    layout: Layout | None = None,
    caller: Mapping[str, str] = os.environ,
    interactive: bool = False,
) -> dict[str, str]:
    """The variables for the Pulumi CLI, AWS clients and the `tributary` command.

    `state` is the folder of the stacks' state, `region` what AWS clients use where no stack file says otherwise.
    Without a terminal (`interactive` false) the CLI does not ask for confirmation, since nobody could answer.
    PULUMI_CONFIG_PASSPHRASE of the caller is kept: stack files may hold secrets encrypted with it.
    """
    layout = layout or checkout()
    inherited = {name: value for name, value in caller.items() if not name.startswith(WITHHELD_PREFIXES)}
    result = inherited | {
        "PATH": os.pathsep.join([str(layout.pulumi.parent), str(layout.python.parent), caller.get("PATH", os.defpath)]),
        "NO_PROXY": _with_loopback(caller.get("NO_PROXY") or caller.get("no_proxy")),
        "PULUMI_HOME": str(layout.pulumi_home),
        "PULUMI_BACKEND_URL": state.absolute().as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": passphrase(layout, caller),
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # Backups of every checkpoint are for state that outlives its resources; here both go together.
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        # A profile of the caller's would decide over credentials, Region or endpoint.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    result["no_proxy"] = result["NO_PROXY"]
    if not interactive:
        result["PULUMI_SKIP_CONFIRMATIONS"] = "true"
    return result


def passphrase(layout: Layout, caller: Mapping[str, str] = os.environ) -> str:
    """What protects the stacks' secrets: the caller's own, else one made for this checkout."""
    if given := caller.get("PULUMI_CONFIG_PASSPHRASE"):
        return given
    file = layout.engine / PASSPHRASE_FILE
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)  # readable by its owner only
        with os.fdopen(handle, "w") as new:
            new.write(secrets.token_urlsafe(24))
        # The first of several processes gives the file its name; the others read what that one wrote.
        with contextlib.suppress(FileExistsError):
            os.link(name, file)
        os.unlink(name)
    return file.read_text()


def exports(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of the variables that another program needs to reach the local cloud as the operator."""
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
    return {name: variables[name] for name in names}


def _with_loopback(no_proxy: str | None) -> str:
    return f"{no_proxy},{NO_PROXY}" if no_proxy else NO_PROXY
