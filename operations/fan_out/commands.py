"""`tributary fanout …`: the commands of aws-lambda-fanout and a few more, on a platform that a stack file declares."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from operations import deploying
from operations.dialogue import Dialogue, Result
from operations.errors import OperationError
from operations.fan_out.options import AskedRow, AskedSource, with_options
from operations.fan_out.platform import Named
from operations.options import Json, Yes

if TYPE_CHECKING:
    from operations.fan_out.platform import Platform, Source

Id = Annotated[str, typer.Option("--id", help="The target's id.")]
AnyId = Annotated[str | None, typer.Option("--id", help="Only this target.")]

app = typer.Typer(
    name="fanout",
    help="Send each record of a stream to any number of targets: registers them, and says how they are doing.",
    no_args_is_help=True,
)


def register(parent: typer.Typer) -> None:
    """Add the commands."""
    parent.add_typer(app, name="fanout")


def _command(example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def add(function: Callable[..., None]) -> Callable[..., None]:
        name = example.split()[0]
        return app.command(name, epilog=f"Example: tributary fanout {example}")(with_options(function))

    return add


@_command("deploy --function fanout")
def deploy(
    named: Named,
    memory: Annotated[int | None, typer.Option("--memory", help="Memory of the function, in MiB.")] = None,
    timeout: Annotated[int | None, typer.Option("--timeout", help="Its longest invocation, in seconds.")] = None,
    exec_role: Annotated[str | None, typer.Option("--exec-role", help="The name of its role.")] = None,
    exec_role_arn: Annotated[str | None, typer.Option("--exec-role-arn", help="The same, by its ARN.")] = None,
    subnet: Annotated[list[str] | None, typer.Option("--subnet", help="Subnets to join, for caches.")] = None,
    security_group: Annotated[list[str] | None, typer.Option("--security-group", help="Groups there.")] = None,
    runtime: Annotated[str | None, typer.Option("--runtime", help="Refused unless it is the function's own.")] = None,
) -> None:
    """Deploy the stack of the function, and before it what it reads of stacks that are not deployed yet.

    Nothing is asked; what would lose data is refused. Options that the stack file says otherwise are written into it.
    """
    from operations.fan_out import stack_settings
    from operations.fan_out.platform import find

    at = find(named, new=True).at
    asked = stack_settings.Asked(
        memory, timeout, exec_role_arn or exec_role, tuple(subnet or ()), tuple(security_group or ()), runtime
    )
    for line in stack_settings.write(at, asked):
        typer.echo(line)
    deploying.up(at.engine, stack_settings.with_missing_peers(at.engine, at.stack.name), yes=True)


@_command("destroy --function fanout")
def destroy(named: Named, yes: Yes = False) -> None:
    """Destroy the stack of the function, with its mapping table, its backlogs and its on-failure bucket."""
    at = _platform(named).at
    deploying.destroy(at.engine, [at.stack.name], yes)


@_command("register kinesis --source-type kinesis --source inputStream --id target1 --destination outputStream")
def register_target(
    named: Named,
    asked: AskedSource,
    row: AskedRow,
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="sns, sqs, es, kinesis, firehose, iot, lambda, …")],
    target_id: Id,
) -> None:
    """Make a target of a source, after a look whether it is there and may be reached."""
    from operations.fan_out import registering

    typer.echo(registering.register(_platform(named), asked, kind, target_id, row))


@_command("update --source-type kinesis --source inputStream --id target1 --parallel false")
def update(named: Named, asked: AskedSource, row: AskedRow, target_id: Id) -> None:
    """Change a target; an option that is given as an empty text is taken out of it."""
    from operations.fan_out import registering

    typer.echo(registering.update(_platform(named), asked, target_id, row))


@_command("activate --source-type kinesis --source inputStream --id target1")
def activate(named: Named, asked: AskedSource, target_id: Id) -> None:
    """Let a target get records, from the next ones on and what waits in its backlog."""
    from operations.fan_out import registering

    typer.echo(registering.switch(_platform(named), asked, target_id, on=True))


@_command("deactivate --source-type kinesis --source inputStream --id target1")
def deactivate(named: Named, asked: AskedSource, target_id: Id) -> None:
    """Let a target get nothing; what is in its backlog waits."""
    from operations.fan_out import registering

    typer.echo(registering.switch(_platform(named), asked, target_id, on=False))


@_command("unregister --source-type kinesis --source inputStream --id target1")
def unregister(named: Named, asked: AskedSource, target_id: Id, yes: Yes = False) -> None:
    """Remove a target; asks when something waits for it."""
    from operations.fan_out import registering

    typer.echo(registering.unregister(_platform(named), asked, target_id, Dialogue(yes)))


@_command("list --source-type kinesis --source inputStream")
def list_(named: Named, asked: AskedSource, as_json: Json = False) -> None:
    """List targets, of a source or of all, with their lanes; wrong ones are told, and make the exit code 1."""
    from operations.fan_out import showing

    platform = _platform(named)
    _conclude(showing.listed(showing.shown(platform, showing.items(platform, asked))), as_json)


@_command("describe --source-type kinesis --source inputStream --id target1 --json")
def describe(named: Named, asked: AskedSource, target_id: Id, as_json: Json = False) -> None:
    """Show all that is known of a target."""
    from operations.fan_out import showing

    platform = _platform(named)
    [row] = showing.shown(platform, [showing.item(platform, asked, target_id)])
    _conclude(showing.described(row), as_json)


@_command("status --function fanout")
def status(named: Named, as_json: Json = False) -> None:
    """Say how sources and targets are doing; the exit code is 1 when one needs a look."""
    from operations.fan_out import hooks, showing
    from operations.fan_out.rows import Rows

    platform = _platform(named)
    states = {one.source_arn: one.state for one in hooks.hooks(platform)}
    _conclude(showing.status(platform, showing.shown(platform, Rows(platform).all()), states), as_json)


@_command("validate --function fanout")
def validate(named: Named, asked: AskedSource, as_json: Json = False) -> None:
    """Check every row as `register` does; the exit code is 1 when one is wrong."""
    from operations.fan_out import registering

    _conclude(registering.validate(_platform(named), asked), as_json)


@_command("test --source-type kinesis --source inputStream --id target1")
def send_mark(
    named: Named,
    asked: AskedSource,
    target_id: AnyId = None,
    data: Annotated[str | None, typer.Option("--data", help="Send this instead of a mark in JSON.")] = None,
    as_json: Json = False,
) -> None:
    """Send one marked record to a target, or to each active one of a source, and say what happened."""
    from operations.fan_out.testing import test

    _conclude(test(_platform(named), asked, target_id, data), as_json)


@_command("redrive --id target1")
def redrive(named: Named, target_id: AnyId = None, as_json: Json = False, yes: Yes = False) -> None:
    """Send once more what targets never took, and what is in the on-failure bucket since."""
    from operations.fan_out import redriving

    dialogue = Dialogue(yes, as_json)
    dialogue.conclude(redriving.redrive(_platform(named), target_id, "tributary fanout redrive", dialogue))


@_command("hook --source-type kinesis --source inputStream")
def hook(
    named: Named,
    asked: AskedSource,
    batch_size: Annotated[int | None, typer.Option("--batch-size", min=1, max=10_000, help="Records at most.")] = None,
    position: Annotated[
        str, typer.Option("--starting-position", help="TRIM_HORIZON is all that there is, LATEST what comes.")
    ] = "TRIM_HORIZON",
) -> None:
    """Let the function read a source, with the settings of the stack."""
    from operations.fan_out import hooks

    if position not in hooks.POSITIONS:
        raise OperationError(f"--starting-position {position}: it must be one of {', '.join(hooks.POSITIONS)}.")
    platform = _platform(named)
    typer.echo(hooks.hook(platform, _source(platform, asked), batch_size, position))


@_command("unhook --source-type kinesis --source inputStream")
def unhook(named: Named, asked: AskedSource, yes: Yes = False) -> None:
    """Let the function read a source no longer."""
    from operations.fan_out import hooks

    platform = _platform(named)
    source = _source(platform, asked)
    Dialogue(yes).confirm(f"Unhook {source.name}? Its place in the stream is forgotten.")
    typer.echo(hooks.unhook(platform, source))


@_command("pause --source-type kinesis --source inputStream")
def pause(named: Named, asked: AskedSource) -> None:
    """Hold the reading of a source; what comes waits in it, for as long as it keeps it."""
    _switch(named, asked, on=False)


@_command("resume --source-type kinesis --source inputStream")
def resume(named: Named, asked: AskedSource) -> None:
    """Go on with a source that was paused, from where it stopped."""
    _switch(named, asked, on=True)


def _switch(named: Named, asked: AskedSource, on: bool) -> None:
    from operations.fan_out import hooks

    platform = _platform(named)
    source = _source(platform, asked)
    ids = hooks.switch(platform, source, on)
    typer.echo(f"{source.name} is {'read on' if on else 'held'} (mapping {', '.join(ids)}).")


def _platform(named: Named) -> "Platform":
    from operations.fan_out.platform import find

    return find(named)


def _source(platform: "Platform", asked: AskedSource) -> "Source":
    return platform.source(asked.name, asked.arn, asked.service)


def _conclude(result: Result, as_json: bool) -> None:
    Dialogue(as_json=as_json).conclude(result)
