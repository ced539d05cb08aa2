"""Stacks of a test's own: the programs beside this, deployed by the real engine through this project's `aws` plugin."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration_tests.support.addressing import Clients, Cloud
from localcloud.accounts import Credentials
from localcloud.engine.environment import environment, passphrase
from localcloud.engine.layout import checkout
from localcloud.engine.stacks import read_project, seed
from localcloud.server import attach
from operations.engine import Engine
from operations.errors import EngineError

PROJECT = "plugin-story"
STACK = "dev"

MAIN = """from {module} import {name}

{name}(**{settings!r})
"""

# The steps that tell what happened to a resource: parts of a replacement, and reading, do not.
SHOWN = {"create", "update", "delete", "replace", "import"}
NOT_ASKING = ("--yes", "--skip-preview")
# https://www.pulumi.com/docs/iac/cli/environment-variables/ : the CLI has `--event-log` with this only.
SHOW_EVENTS = {"PULUMI_DEBUG_COMMANDS": "true"}
OWN_TYPES = ("pulumi:pulumi:Stack", "pulumi:providers:aws")


@dataclass
class Deployed:
    """One stack in one account.

    Every operation returns what it did, as step by resource name (`{"table": "update"}`); resources that stayed the
    same are left out, so `{}` means that nothing changed.
    """

    account: str
    clients: Clients
    state: Path
    _engine: Engine

    def up(self, program: Callable[..., None], **settings: Any) -> dict[str, str]:
        """Deploy a program: a function of a module, called with settings that `repr` can write down."""
        self._write(program, settings)
        return self._observed("up", *NOT_ASKING)

    def preview(self, program: Callable[..., None], **settings: Any) -> dict[str, str]:
        """What `up` would do."""
        self._write(program, settings)
        return self._observed("preview")

    def refusal(self, program: Callable[..., None], **settings: Any) -> str:
        """The message with which `up` fails."""
        with pytest.raises(EngineError) as refused:
            self.up(program, **settings)
        return str(refused.value)

    def refresh(self) -> dict[str, str]:
        """Read everything back from the cloud."""
        return self._observed("refresh", *NOT_ASKING)

    def destroy(self) -> dict[str, str]:
        """Delete everything."""
        return self._observed("destroy", *NOT_ASKING)

    def _write(self, program: Callable[..., None], settings: dict[str, Any]) -> None:
        main = MAIN.format(module=program.__module__, name=program.__name__, settings=settings)
        (self._engine.folder / "__main__.py").write_text(main)

    def _observed(self, *operation: str) -> dict[str, str]:
        log = self._engine.folder / "events"
        log.unlink(missing_ok=True)
        self._engine.run([*operation, "--stack", STACK, "--event-log", str(log)])
        steps: dict[str, str] = {}
        for line in log.read_text().splitlines():
            event = json.loads(line)
            step = event.get("resOutputsEvent") or event.get("resourcePreEvent")
            metadata = step["metadata"] if step else {"op": None}
            if metadata["op"] in SHOWN and metadata["type"] not in OWN_TYPES:
                steps[metadata["urn"].rpartition("::")[2]] = metadata["op"]
        return steps

    @property
    def outputs(self) -> dict[str, Any]:
        """What the program exported."""
        return self._engine.outputs(STACK)

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The state's resources by their names, with `id`, `inputs` and `outputs`."""
        latest = json.loads(self.checkpoint)["checkpoint"]["latest"] or {}
        return {item["urn"].rpartition("::")[2]: item for item in latest.get("resources") or []}

    @property
    def checkpoint(self) -> str:
        """The state as it lies on disk."""
        [file] = self.state.glob(f".pulumi/stacks/{PROJECT}/*.json")
        return file.read_text()


@pytest.fixture
def stack(
    cloud: Cloud, account: Callable[[], str], clients: Callable[[str], Clients], tmp_path: Path
) -> Iterator[Callable[..., Deployed]]:
    """`stack()` is an empty stack in an account of its own, which is left in a cloud that ends with the tests.

    `config` is what its file configures.
    """
    if cloud.endpoint is None:
        pytest.skip("the plugin stands in for the real one on local clouds only")
    local = attach(cloud.endpoint)
    numbers = itertools.count()
    with ExitStack() as cleanup:

        def make(config: Mapping[str, Any] | None = None, **variables: str) -> Deployed:
            account_id = account()
            folder = tmp_path / str(next(numbers))
            state, work = folder / "state", folder / "work"
            work.mkdir(parents=True)
            (work / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
            (work / f"Pulumi.{STACK}.yaml").write_text(json.dumps({"config": config or {}}))
            (work / "__main__.py").touch()
            seed(read_project(work), state, passphrase(checkout()), checkout())
            used = environment(local, Credentials(account_id, "test"), state, region=cloud.region)
            engine = Engine(work, used | {"PYTHONPATH": str(checkout().project)} | SHOW_EVENTS | variables)
            deployed = Deployed(account_id, clients(account_id), state, engine)
            if not cloud.ends_with_the_tests:
                cleanup.callback(_destroy_what_is_left, deployed)
            return deployed

        yield make


def _destroy_what_is_left(deployed: Deployed) -> None:
    if any(one["type"].startswith("aws:") for one in deployed.resources.values()):
        deployed.destroy()
