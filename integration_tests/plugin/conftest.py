"""Stacks of a test's own: the programs beside this, deployed by the real engine through this project's `aws` plugin."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pulumi import automation as auto

from integration_tests.support.addressing import Clients, Cloud
from localcloud.engine.layout import checkout

PROJECT = "plugin-story"
PASSPHRASE = "only for tests"

MAIN = """from {module} import {name}

{name}(**{settings!r})
"""

# The steps that tell what happened to a resource: parts of a replacement, and reading, do not.
SHOWN = {"create", "update", "delete", "replace", "import"}


@dataclass
class Deployed:
    """One stack in one account.

    Every operation returns what it did, as step by resource name (`{"table": "update"}`); resources that stayed the
    same are left out, so `{}` means that nothing changed.
    """

    account: str
    clients: Clients
    state: Path
    _stack: auto.Stack

    def up(self, program: Callable[..., None], **settings: Any) -> dict[str, str]:
        """Deploy a program: a function of a module, called with settings that `repr` can write down."""
        self._write(program, settings)
        return self._observed(self._stack.up)

    def preview(self, program: Callable[..., None], **settings: Any) -> dict[str, str]:
        """What `up` would do."""
        self._write(program, settings)
        return self._observed(self._stack.preview)

    def refusal(self, program: Callable[..., None], **settings: Any) -> str:
        """The message with which `up` fails."""
        with pytest.raises(auto.CommandError) as refused:
            self.up(program, **settings)
        return str(refused.value)

    def refresh(self) -> dict[str, str]:
        """Read everything back from the cloud."""
        return self._observed(self._stack.refresh)

    def destroy(self) -> dict[str, str]:
        """Delete everything."""
        return self._observed(self._stack.destroy)

    def _write(self, program: Callable[..., None], settings: dict[str, Any]) -> None:
        main = MAIN.format(module=program.__module__, name=program.__name__, settings=settings)
        Path(self._stack.workspace.work_dir, "__main__.py").write_text(main)

    def _observed(self, operation: Callable[..., Any]) -> dict[str, str]:
        steps: dict[str, str] = {}

        def note(event: auto.EngineEvent) -> None:
            step = event.res_outputs_event or event.resource_pre_event
            if step is not None and step.metadata.type not in ("pulumi:pulumi:Stack", "pulumi:providers:aws"):
                name, kind = step.metadata.urn.rpartition("::")[2], str(step.metadata.op.value)
                if kind in SHOWN:
                    steps[name] = kind

        operation(on_event=note)
        return steps

    @property
    def outputs(self) -> dict[str, Any]:
        """What the program exported."""
        return {name: output.value for name, output in self._stack.outputs().items()}

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The state's resources by their names, with `id`, `inputs` and `outputs`."""
        deployment = self._stack.export_stack().deployment
        return {item["urn"].rpartition("::")[2]: item for item in deployment.get("resources", [])}

    @property
    def checkpoint(self) -> str:
        """The state as it lies on disk."""
        [file] = self.state.glob(f".pulumi/stacks/{PROJECT}/*.json")
        return file.read_text()


@pytest.fixture
def stack(
    cloud: Cloud, account: Callable[[], str], clients: Callable[[str], Clients], tmp_path: Path
) -> Iterator[Callable[..., Deployed]]:
    """`stack()` is an empty stack in an account of its own; whatever is left in it at the end is destroyed."""
    if cloud.endpoint is None:
        pytest.skip("the plugin stands in for the real one on local clouds only")
    numbers = itertools.count()
    with ExitStack() as cleanup:

        def make(**variables: str) -> Deployed:
            account_id = account()
            folder = tmp_path / str(next(numbers))
            state, work = folder / "state", folder / "work"
            state.mkdir(parents=True)
            work.mkdir()
            (work / "__main__.py").touch()
            settings = auto.ProjectSettings(PROJECT, "python", backend=auto.ProjectBackend(state.as_uri()))
            made = auto.create_stack(
                "dev",
                work_dir=str(work),
                opts=auto.LocalWorkspaceOptions(
                    pulumi_command=auto.PulumiCommand(str(checkout().engine)),
                    pulumi_home=str(checkout().pulumi_home),
                    project_settings=settings,
                    env_vars=_environment(cloud, account_id) | variables,
                ),
            )
            deployed = Deployed(account_id, clients(account_id), state, made)
            cleanup.callback(deployed.destroy)
            return deployed

        yield make


def _environment(cloud: Cloud, account_id: str) -> dict[str, str]:
    return {
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "AWS_ENDPOINT_URL": cloud.endpoint or "",
        "AWS_ACCESS_KEY_ID": account_id,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": cloud.region,
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONPATH": str(checkout().project),
    }
