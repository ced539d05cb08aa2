"""Deploys and destroys several stacks in the order of their references."""

from collections.abc import Sequence
from pathlib import Path

from operations.engine import Engine
from operations.errors import StackError
from operations.losses import refuse_destroying, refuse_losses, refuse_taking_out
from operations.stacks import Stack, dependents, in_order, read, stack_names


def up(engine: Engine, names: Sequence[str], yes: bool, refresh: bool = False) -> None:
    """Deploy the stacks (all of the folder when none is named), each after those it reads.

    `refresh` reads first what there really is.

    Raises StackError before anything is deployed, for a wrong stack file, a missing peer, or data that would be lost;
    EngineError when Pulumi fails.
    """
    stacks = _read(engine.folder, names)
    deployed = set(engine.deployed())
    for stack in stacks:
        if missing := sorted(stack.references - deployed - {other.name for other in stacks}):
            raise StackError(
                f"stack `{stack.name}` reads the outputs of `{missing[0]}`, which is not deployed. "
                f"Type `tributary up {' '.join([*missing, *(other.name for other in stacks)])}`."
            )
    for stack in stacks:
        engine.ensure(stack.name)
        if stack.name in deployed:
            readers = [read(engine.folder, name) for name in dependents(engine.folder, stack.name) if name in deployed]
            refuse_taking_out(stack, engine.outputs(stack.name), readers)
        # It previews the deployment: what is wrong is told before anything is made.
        refuse_losses(engine, stack, refresh=refresh)
        options = [*(["--yes", "--skip-preview"] if yes else []), *(["--refresh"] if refresh else [])]
        engine.attached(["up", "--stack", stack.name, *options])


def destroy(engine: Engine, names: Sequence[str], yes: bool) -> None:
    """Destroy the stacks, each before those it reads.

    Raises StackError when a deployed stack that is not named reads the outputs of one that is, or when one holds
    protected data.
    """
    stacks = _read(engine.folder, names)
    doomed = {stack.name for stack in stacks}
    deployed = set(engine.deployed())
    for stack in stacks:
        if users := [other for other in dependents(engine.folder, stack.name) if other in deployed - doomed]:
            raise StackError(
                f"stack `{stack.name}` cannot be destroyed: `{users[0]}` reads its outputs and would stop working. "
                f"Type `tributary destroy {users[0]} {stack.name}` to destroy both."
            )
    for stack in stacks:
        if stack.name in deployed:
            refuse_destroying(stack.name, engine.resources(stack.name))
    for stack in reversed(stacks):
        if stack.name in deployed:
            engine.attached(["destroy", "--stack", stack.name, *(["--yes", "--skip-preview"] if yes else [])])


def _read(folder: Path, names: Sequence[str]) -> list[Stack]:
    return in_order([read(folder, name) for name in names or stack_names(folder)])
