"""Deploys the committed stack files with the real Pulumi engine into accounts of a test's own."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from integration_tests.support.addressing import Cloud
from integration_tests.support.inventory import held
from localcloud import accounts
from localcloud.engine.environment import environment, passphrase
from localcloud.engine.layout import checkout
from localcloud.engine.stacks import read_project, seed
from localcloud.server import attach
from operations.engine import Engine
from operations.stacks import in_order, read_all, stack_names
from operations.workspace import write_workspace

PROJECT = Path(__file__).parents[2]
# Stories that look with `left`.
NEW_ACCOUNTS_DIFFER = pytest.mark.differs("localstack", "a new account's network has names of its own there")


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


def deploy(cloud: Cloud, engine: Engine, account_ids: Mapping[str, str], cleanup: ExitStack) -> Deployment:
    """Deploy every stack of the folder, in order; they are left in reverse order when `cleanup` closes."""
    stacks = in_order(read_all(engine, stack_names(engine.folder)))
    for stack in stacks:
        cleanup.callback(leave, cloud, engine, stack.name)
        engine.up(stack.name)
    return Deployment(engine, account_ids, {stack.name: engine.outputs(stack.name) for stack in stacks})


def leave(cloud: Cloud, engine: Engine, stack: str) -> None:
    """Destroy a stack, unless the whole cloud ends with the tests.

    That destroying leaves nothing behind is looked at by one story of each kind of deployment (`left`).
    """
    if not cloud.ends_with_the_tests:
        engine.destroy(stack)


def left(cloud: Cloud, region: str, account_ids: Iterable[str]) -> set[str]:
    """In what the accounts differ, in a Region, from a new one that is prepared for deployments."""
    assert cloud.endpoint is not None
    there = replace(cloud, region=region)
    with ExitStack() as cleanup:
        new = cloud.lend_account(cleanup)
        accounts.prepare(attach(cloud.endpoint), [new], keep=cloud.folder)
        holdings = {one: held(there.clients(there.session(one), one)) for one in (new, *account_ids)}
    return {thing for holding in holdings.values() for thing in holding ^ holdings[new]}
