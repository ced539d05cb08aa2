"""Stacks of a test's own: inline programs deployed by the real engine through this project's `aws` plugin."""

import gc
import itertools
import json
import warnings
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

Program = Callable[[], None]

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

    def up(self, program: Program) -> dict[str, str]:
        """Deploy the program."""
        return self._with(program, self._stack.up)

    def preview(self, program: Program) -> dict[str, str]:
        """What `up` would do."""
        return self._with(program, self._stack.preview)

    def refresh(self) -> dict[str, str]:
        """Read everything back from the cloud."""
        return self._observed(self._stack.refresh)

    def destroy(self) -> dict[str, str]:
        """Delete everything."""
        return self._observed(self._stack.destroy)

    def _with(self, program: Program, operation: Callable[..., Any]) -> dict[str, str]:
        self._stack.workspace.program = program
        return self._observed(operation)

    def _observed(self, operation: Callable[..., Any]) -> dict[str, str]:
        steps: dict[str, str] = {}

        def note(event: auto.EngineEvent) -> None:
            step = event.res_outputs_event or event.resource_pre_event
            if step is not None and step.metadata.type not in ("pulumi:pulumi:Stack", "pulumi:providers:aws"):
                name, kind = step.metadata.urn.rpartition("::")[2], str(step.metadata.op.value)
                if kind in SHOWN:
                    steps[name] = kind

        try:
            operation(on_event=note)
        finally:
            # The automation API leaves a suspended coroutine behind; collected at a random moment it disturbs, in
            # CPython 3.11, whatever is being compiled then.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                gc.collect()
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
            settings = auto.ProjectSettings(PROJECT, "python", backend=auto.ProjectBackend(state.as_uri()))
            made = auto.create_stack(
                "dev",
                project_name=PROJECT,
                program=lambda: None,
                opts=auto.LocalWorkspaceOptions(
                    pulumi_command=auto.PulumiCommand(str(checkout().engine)),
                    pulumi_home=str(checkout().pulumi_home),
                    work_dir=str(work),
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
    }


def policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **item} for item in statements]})


def trust(service: str) -> str:
    """A trust policy for an AWS service."""
    return policy({"Principal": {"Service": service}, "Action": "sts:AssumeRole"})
