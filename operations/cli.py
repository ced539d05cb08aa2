"""The `tributary` command. Sub-commands register here; errors meant for the user end here, without a traceback."""

import signal
import sys
from collections.abc import Callable
from functools import cache
from importlib import metadata
from typing import Annotated, Any

import typer

from components.errors import SettingsError
from localcloud.errors import LocalCloudError
from operations import commands, verb_commands
from operations.advice import advice
from operations.children import end, handled
from operations.data_lake import commands as data_lake
from operations.errors import OperationError
from operations.fan_out import commands as fan_out
from operations.status import command as status
from operations.table_replica import commands as table_replica

# What is shown as a message: its text says what was wrong and what to type next.
EXPECTED_ERRORS = (OperationError, LocalCloudError, SettingsError)
FAILED = 1


app = typer.Typer(
    name="tributary",
    help="Share Kinesis and DynamoDB data between AWS accounts, and see that nothing is lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tributary {metadata.version('tributary')}")
        raise typer.Exit()


@app.callback()
def tributary(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """What the options before a sub-command do."""


commands.register(app)
table_replica.register(app)
data_lake.register(app)
verb_commands.register(app)
status.register(app)
fan_out.register(app)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and leaves with its exit code: 0, 1 for an error, 2 for wrong usage, 130 for ^C,
    128 + the number of another signal."""
    try:
        with handled(end, (signal.SIGTERM, signal.SIGHUP)):
            command()(arguments)
    except EXPECTED_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except OSError as error:
        print(f"error: {_system_error(error)}", file=sys.stderr)
        sys.exit(FAILED)
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):
            raise
        print(f"error: {error}. {advice(error)}.", file=sys.stderr)
        sys.exit(FAILED)


def _system_error(error: OSError) -> str:
    """A file, folder or port that this machine refuses."""
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return f"{what}. Whoever types this must be allowed to use it; then type the same command again."


@cache
def command() -> Callable[..., Any]:
    """The whole command line, put together once: that takes longer than most commands."""
    # The one place where operations touch the local cloud: everything else in them works on AWS alone.
    from localcloud.commands import app as local

    app.add_typer(local, name="local")
    return typer.main.get_command(app)
