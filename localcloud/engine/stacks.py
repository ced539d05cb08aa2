"""The state of a project's stacks on a local cloud: an empty stack for every stack file, which stays as it is.

`pulumi stack init` takes half a second and writes a salt into the stack file. So it runs once, for a stack in a
scratch project, and its state is the pattern for all others.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from localcloud.engine.layout import Layout, cache_folder
from localcloud.errors import ProjectError, SetupError

STACK_FILE = re.compile(r"^Pulumi\.(?P<stack>[A-Za-z0-9_.-]+)\.yaml$")
ACCOUNT_ID = re.compile(r"^\d{12}$")
PATTERN_PROJECT = "pattern"
PATTERN_STACK = "pattern"


@dataclass(frozen=True)
class Project:
    """A Pulumi project: its folder and name; its stacks, in alphabetical order; the accounts that these deploy to; the
    Region of the first stack that names one."""

    folder: Path
    name: str
    stacks: tuple[str, ...]
    account_ids: tuple[str, ...]
    region: str | None


def read_project(folder: Path) -> Project:
    """The project in a folder. Raises ProjectError."""
    file = folder / "Pulumi.yaml"
    if not file.exists():
        raise ProjectError(f"{folder} holds no Pulumi.yaml; change to the project's folder and try again")
    name = read_yaml(file).get("name")
    if not isinstance(name, str):
        raise ProjectError(f"{file} gives the project no name; add a line `name: tributary`")
    files = {match["stack"]: path for path in folder.iterdir() if (match := STACK_FILE.match(path.name))}
    stacks = tuple(sorted(files))
    accounts = {account for stack in stacks for account in allowed_accounts(files[stack])}
    regions = (config_of(files[stack]).get("aws:region") for stack in stacks)
    region = next((str(region) for region in regions if region), None)
    return Project(folder, name, stacks, tuple(sorted(accounts)), region)


def allowed_accounts(file: Path) -> list[str]:
    """The `aws:allowedAccountIds` of a stack file. Raises ProjectError when anything else than an id is in it."""
    allowed = config_of(file).get("aws:allowedAccountIds") or []
    accounts = [str(account) for account in (json.loads(allowed) if isinstance(allowed, str) else allowed)]
    for account in accounts:
        if not ACCOUNT_ID.match(account):
            raise ProjectError(
                f"{file}: aws:allowedAccountIds holds {account!r}; an account id is 12 digits, in quotes, such as "
                "'999999999999'. Correct the file and try again"
            )
    return accounts


def config_of(file: Path) -> dict[str, Any]:
    """What a stack file configures. Raises ProjectError."""
    config = read_yaml(file).get("config") or {}
    if not isinstance(config, dict):
        raise ProjectError(f"{file}: `config` is not a mapping of keys to values; correct it and try again")
    return config


def seed(project: Project, state: Path, passphrase: str, layout: Layout) -> None:
    """Makes the stacks of the project that a state folder does not have yet; `passphrase` protects their secrets.

    Makes none where the Pulumi engine is not set up: a local cloud serves AWS clients without it. Raises SetupError
    when the CLI refuses.
    """
    if not layout.pulumi.exists():
        return
    pattern = _pattern(passphrase, layout)
    stacks = state / ".pulumi" / "stacks" / project.name
    stacks.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(pattern / "meta.yaml", state / ".pulumi" / "meta.yaml")
    checkpoint = json.loads((pattern / "checkpoint.json").read_text())
    for stack in project.stacks:
        file = stacks / f"{stack}.json"
        if not file.exists():
            checkpoint["checkpoint"]["stack"] = f"organization/{project.name}/{stack}"
            file.write_text(json.dumps(checkpoint))


def require_engine(layout: Layout) -> None:
    """Raises SetupError where the Pulumi engine is not set up."""
    if not layout.pulumi.exists():
        raise SetupError(f"{layout.pulumi} is missing: the Pulumi engine is not set up. `make shell` does it")


def read_yaml(path: Path) -> dict[str, Any]:
    """A file's mapping. Raises ProjectError for anything else."""
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ProjectError(f"{path} is not YAML: {error}. Correct it and try again") from None
    if not isinstance(content, dict):
        raise ProjectError(f"{path} holds no settings; `git checkout -- {path.name}` restores it")
    return content


def _pattern(passphrase: str, layout: Layout) -> Path:
    """The folder of the pattern's `meta.yaml` and `checkpoint.json`, made on first use of a CLI and a passphrase."""
    key = hashlib.sha256(layout.pulumi.read_bytes() + passphrase.encode()).hexdigest()[:16]
    folder = layout.engine / "patterns" / key
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        work = Path(temporary)
        for part in ("project", "state", "home", "result"):
            (work / part).mkdir()
        (work / "project" / "Pulumi.yaml").write_text(f"name: {PATTERN_PROJECT}\nruntime: python\n")
        _init(layout.pulumi, work, passphrase)
        made = work / "state" / ".pulumi"
        shutil.copyfile(made / "meta.yaml", work / "result" / "meta.yaml")
        checkpoint = made / "stacks" / PATTERN_PROJECT / f"{PATTERN_STACK}.json"
        shutil.copyfile(checkpoint, work / "result" / "checkpoint.json")
        try:
            (work / "result").rename(folder)
        except OSError:
            if not folder.exists():  # else another process was faster, with the same result
                raise
    return folder


def _init(pulumi: Path, work: Path, passphrase: str) -> None:
    environment: Mapping[str, str] = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(work / "home"),
        "PULUMI_HOME": str(work / "home"),
        "PULUMI_BACKEND_URL": (work / "state").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": passphrase,
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }
    command = [str(pulumi), "stack", "init", PATTERN_STACK, "--non-interactive"]
    done = subprocess.run(command, cwd=work / "project", env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SetupError(
            f"`{' '.join(command)}` ended with exit code {done.returncode}: {done.stderr.strip()}\n"
            f"If the CLI is broken, remove {cache_folder()} and run `make shell`, which gets another one"
        )
