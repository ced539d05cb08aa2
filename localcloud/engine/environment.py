"""The environment in which `pulumi` works against a local cloud, whatever AWS or Pulumi settings the caller has."""

import contextlib
import os
import secrets
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from localcloud.accounts import Credentials
from localcloud.engine.layout import Layout, checkout
from localcloud.errors import ProjectError
from localcloud.server import LocalCloud

DEFAULT_REGION = "us-east-1"
PASSPHRASE_FILE = "passphrase"
# What a caller's variables may start with to have an effect on AWS clients, the engine, or a `make` inside the shell.
WITHHELD_PREFIXES = ("AWS_", "BOTO_", "PULUMI_", "LOCALSTACK_", "MAKE", "MFLAGS", "PYTHON", "GIT_")
# Those of them that decide where a program goes, and as whom.
DECIDING_PREFIXES = ("AWS_", "BOTO_", "PULUMI_", "LOCALSTACK_")
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
    The caller's passphrase is kept: stack files may hold secrets encrypted with it.
    """
    layout = layout or checkout()
    inherited = {name: value for name, value in caller.items() if not name.startswith(WITHHELD_PREFIXES)}
    result = inherited | {
        "PATH": _path([str(layout.pulumi.parent), str(layout.python.parent)], caller.get("PATH", os.defpath)),
        "NO_PROXY": _with_loopback(caller.get("NO_PROXY") or caller.get("no_proxy")),
        "PULUMI_HOME": str(layout.pulumi_home),
        # Without files of attributes, which an engine that is killed may leave torn: see operations/torn_states.py.
        "PULUMI_BACKEND_URL": f"{state.absolute().as_uri()}?metadata=skip",
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
    """What protects the stacks' secrets: the caller's own, which may be empty, else one made for this checkout.

    https://www.pulumi.com/docs/iac/cli/environment-variables/ (PULUMI_CONFIG_PASSPHRASE, …_FILE). Raises ProjectError.
    """
    if "PULUMI_CONFIG_PASSPHRASE" in caller:
        return caller["PULUMI_CONFIG_PASSPHRASE"]
    if given := caller.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(given).read_text().strip()
        except OSError as error:
            raise ProjectError(
                f"PULUMI_CONFIG_PASSPHRASE_FILE is {given}: {error.strerror}. Name a file that can be read, or "
                "`unset PULUMI_CONFIG_PASSPHRASE_FILE`"
            ) from None
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


def shell_lines(variables: Mapping[str, str], caller: Mapping[str, str] = os.environ) -> list[str]:
    """What a shell with the caller's variables reads to work as with `variables`: another program of its works there.

    What the caller has set for AWS, and for Pulumi's own state, is unset: it would decide in the local cloud's place.
    """
    added = {name: value for name, value in variables.items() if caller.get(name) != value}
    gone = sorted(name for name in caller if name.startswith(DECIDING_PREFIXES) and name not in variables)
    unset = [f"unset {' '.join(gone)}"] if gone else []
    return [*unset, *(f"export {name}={shlex.quote(value)}" for name, value in added.items())]


def _path(first: list[str], rest: str) -> str:
    return os.pathsep.join([*first, *(entry for entry in rest.split(os.pathsep) if entry not in first)])


def _with_loopback(no_proxy: str | None) -> str:
    return f"{no_proxy},{NO_PROXY}" if no_proxy else NO_PROXY
