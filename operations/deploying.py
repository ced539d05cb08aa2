"""Deploys and destroys several stacks in the order of their references."""

from collections.abc import Callable, Sequence
from functools import partial

import typer

from operations.contents import described, held
from operations.data_lake import preflight
from operations.engine import Engine
from operations.errors import StackError
from operations.losses import refuse_destroying, refuse_losses, refuse_taking_out
from operations.options import confirm, refuse_without_terminal
from operations.recovering import recover
from operations.stacks import dependents, file_name, file_of, in_order, read_all, stack_names


def up(engine: Engine, names: Sequence[str], yes: bool, refresh: bool = False) -> None:
    """Deploy the stacks (all of the folder when none is named), each after those it reads.

    `refresh` reads first what there really is.

    Raises StackError before anything is deployed, for a wrong stack file, a missing peer, or data that would be lost;
    EngineError when Pulumi fails.
    """
    wanted = _wanted(engine, names)
    _asks(engine, "Deploy?", yes)
    deployed = set(engine.ensure(wanted))
    stacks = in_order(read_all(engine, wanted))
    for stack in stacks:
        if missing := sorted(stack.references - deployed - {other.name for other in stacks}):
            raise StackError(
                f"stack `{stack.name}` reads the outputs of `{missing[0]}`, which is not deployed. "
                f"Type `tributary up {' '.join([*missing, *(other.name for other in stacks)])}`."
            )
    others = read_all(engine, _with_files(engine, sorted(deployed)))
    for stack in stacks:
        preflight.check(engine, stack)
        recover(engine, stack, partial(typer.echo, err=True), partial(confirm, yes=yes or _never_asks(engine)))
        named = set(dependents(others, stack.name))
        if named and stack.name in deployed:
            refuse_taking_out(stack, engine.outputs(stack.name), [other for other in others if other.name in named])
        # It previews the deployment: what is wrong is told before anything is made.
        refuse_losses(engine, stack, refresh=refresh)
        options = [*(["--yes", "--skip-preview"] if yes else []), *(["--refresh"] if refresh else [])]
        engine.attached(["up", "--stack", stack.name, *options])


def destroy(engine: Engine, names: Sequence[str], yes: bool, show: Callable[[str], None] = print) -> None:
    """Destroy the stacks, each before those it reads; what is in their buckets is shown before.

    Raises StackError when a deployed stack that is not named reads the outputs of one that is, or when one holds
    protected data.
    """
    wanted = _wanted(engine, names)
    _asks(engine, "Destroy?", yes)
    deployed = engine.deployed()
    doomed = [name for name in wanted if name in deployed]
    stacks = {stack.name: stack for stack in read_all(engine, sorted({*doomed, *_with_files(engine, deployed)}))}
    others = [stack for name, stack in stacks.items() if name not in doomed]
    for name in doomed:
        if users := dependents(others, name):
            raise StackError(
                f"stack `{name}` cannot be destroyed: `{users[0]}` reads its outputs and would stop working. "
                f"Type `tributary destroy {users[0]} {name}` to destroy both."
            )
    for name in doomed:
        refuse_destroying(name, engine.resources(name))
    for stack in reversed(in_order([stacks[name] for name in doomed])):
        recover(engine, stack, partial(typer.echo, err=True), partial(confirm, yes=yes or _never_asks(engine)))
        for contents in held(engine, stack):
            show(described(contents))
        engine.attached(["destroy", "--stack", stack.name, *(["--yes", "--skip-preview"] if yes else [])])


def _asks(engine: Engine, question: str, yes: bool) -> None:
    """Raise OperationError when Pulumi would ask where nobody could answer."""
    if not (yes or _never_asks(engine)):
        refuse_without_terminal(question)


def _never_asks(engine: Engine) -> bool:
    """https://www.pulumi.com/docs/iac/cli/environment-variables/ (PULUMI_SKIP_CONFIRMATIONS)"""
    return engine.environment.get("PULUMI_SKIP_CONFIRMATIONS", "").lower() in ("1", "true")


def _wanted(engine: Engine, names: Sequence[str]) -> list[str]:
    """The stacks that are named, all of the folder when none is. Raises StackError for one that has no file."""
    found = list(names) or stack_names(engine.folder)
    for name in found:
        file_of(engine.folder, name)
    return found


def _with_files(engine: Engine, names: Sequence[str]) -> list[str]:
    return [name for name in names if (engine.folder / file_name(name)).exists()]
