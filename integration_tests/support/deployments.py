"""Deploys the committed stack files with the real Pulumi engine into accounts of a test's own."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration_tests.support.addressing import Cloud
from localcloud import accounts
from localcloud.engine.environment import environment, passphrase
from localcloud.engine.layout import checkout
from localcloud.engine.stacks import read_project, seed
from localcloud.server import attach
from operations.engine import Engine
from operations.stacks import in_order, read_all, stack_names
from operations.workspace import write_workspace

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Deployment:
    """Deployed stacks: `outputs` is stack → instance → outputs, `engine` runs Pulumi on them."""

    engine: Engine
    accounts: Mapping[str, str]
    outputs: Mapping[str, Mapping[str, Any]]


def prepare(
    cloud: Cloud,
    folder: Path,
    changes: Mapping[str, Mapping[str, Any]],
    account_ids: Mapping[str, str],
    derived: Mapping[str, str] | None = None,
) -> Engine:
    """A project folder with the changed stack files, and a deployer role in each account; nothing is deployed yet.

    `account_ids` maps the account ids of the committed stack files to those of the test; `derived` are stack files
    of the test's own: stack → content.
    """
    assert cloud.endpoint is not None, "stacks are deployed to AWS by `pulumi up`, not by tests"
    local = attach(cloud.endpoint)
    write_workspace(folder, PROJECT, changes, account_ids)
    for stack, content in (derived or {}).items():
        (folder / f"Pulumi.{stack}.yaml").write_text(content)
    state = folder / "state"
    seed(read_project(folder), state, passphrase(checkout()), checkout())
    operator = accounts.prepare(local, account_ids.values(), keep=cloud.folder)
    return Engine(folder, environment(local, operator, state))


def deploy(engine: Engine, account_ids: Mapping[str, str], cleanup: ExitStack) -> Deployment:
    """Deploy every stack of the folder, in order; they are destroyed in reverse order when `cleanup` closes."""
    stacks = in_order(read_all(engine, stack_names(engine.folder)))
    for stack in stacks:
        cleanup.callback(engine.destroy, stack.name)
        engine.up(stack.name)
    return Deployment(engine, account_ids, {stack.name: engine.outputs(stack.name) for stack in stacks})
