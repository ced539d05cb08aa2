"""`tributary local …`: the local clouds of this checkout."""

import contextlib
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from localcloud import registry, server
from localcloud.engine.environment import shell_lines
from localcloud.engine.layout import checkout
from localcloud.engine.stacks import read_project, require_engine
from localcloud.errors import NotRunningError, StartError
from localcloud.server import LocalCloud
from localcloud.shell import run_shell
from localcloud.workspace import open_workspace
from localcloud.workspace import reset as reset_workspace

DEFAULT_PORT = 4566
CHECK_INTERVAL_S = 0.5

app = typer.Typer(no_args_is_help=True, help="Local clouds: AWS accounts on this machine, for deployments and tests.")

Port = Annotated[int | None, typer.Option(min=1, max=65535, help="Which local cloud, when several run.")]


@app.command(epilog="Example: tributary local start --port 4600")
def start(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = DEFAULT_PORT,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is up, and leave it running.")] = False,
) -> None:
    """Start a local cloud, with the accounts that the stack files name, and stay until ^C.

    Standard output is what a shell has to read to use it: eval "$(tributary local start --detach)"
    """
    layout = checkout()
    read_project(project_folder())  # whatever is wrong with it is said before anything starts
    ending = threading.Event()
    for number in () if detach else (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ending.set())
    cloud = server.start(port, registry.new_folder(layout.clouds), detached=detach)
    with contextlib.ExitStack() as on_exit:
        on_exit.callback(cloud.stop)
        registry.register(cloud)
        _print_exports(cloud)
        if detach:
            on_exit.pop_all()
            typer.echo(f"It runs until `tributary local stop --port {port}`.", err=True)
            return
        typer.echo("It runs until ^C.", err=True)
        while not ending.wait(CHECK_INTERVAL_S):
            if not cloud.running():
                raise StartError(server.explain(cloud, "ended by itself"))


@app.command(epilog="Example: tributary local status")
def status() -> None:
    """List the local clouds that run, and whether they answer. Exit code 1 when there is none."""
    clouds = registry.running(checkout().clouds)
    for cloud in clouds:
        state = "answers" if cloud.healthy() else "does not answer; `tributary local logs` may say why"
        typer.echo(f"{cloud.endpoint}  pid {cloud.pid}  {state}")
    if not clouds:
        raise NotRunningError("no local cloud runs from this checkout; `tributary local start` starts one")


@app.command(epilog="Example: tributary local stop --port 4600")
def stop(
    port: Port = None,
    everything: Annotated[bool, typer.Option("--all", help="Stop all local clouds of this checkout.")] = False,
) -> None:
    """Stop a local cloud. Its resources, data and stack states are gone then."""
    clouds = checkout().clouds
    for cloud in registry.running(clouds) if everything else [registry.one(clouds, port)]:
        cloud.stop()
        typer.echo(f"stopped {cloud.endpoint}", err=True)


@app.command(epilog="Example: tributary local reset")
def reset(port: Port = None) -> None:
    """Empty a local cloud: no resources, no data, no stack states. Prints the new credentials."""
    layout = checkout()
    cloud = registry.one(layout.clouds, port)
    reset_workspace(cloud, layout)
    _print_exports(cloud)
    typer.echo("Shells that were opened before hold credentials that no longer exist: leave them.", err=True)


@app.command(epilog="Example: tributary local logs --lines 200")
def logs(
    port: Port = None, lines: Annotated[int, typer.Option(min=1, help="How many lines from the end.")] = 50
) -> None:
    """Print the end of a local cloud's log."""
    cloud = registry.one(checkout().clouds, port)
    assert cloud.log is not None, "a registered cloud has a folder"
    typer.echo("\n".join(cloud.log.read_text(errors="replace").splitlines()[-lines:]))


@app.command(epilog="Example: echo 'pulumi preview -s poc' | tributary local shell")
def shell(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Use the local cloud on this port; it is started if need be.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Use a cloud that something else runs, such as LocalStack, by its URL.")
    ] = None,
) -> None:
    """Open a shell in which `pulumi` works against a local cloud: one that runs, or a new one that ends with the shell.

    Commands on standard input work as well; the first that fails ends them, and its exit code is the command's.
    """
    layout = checkout()
    folder = project_folder()
    read_project(folder)
    require_engine(layout)
    with contextlib.ExitStack() as on_exit:
        cloud = _found(port, endpoint)
        started = cloud is None
        if cloud is None:
            cloud = on_exit.enter_context(server.start(port, registry.new_folder(layout.clouds)))
            registry.register(cloud)
        workspace = open_workspace(cloud, folder, interactive=sys.stdin.isatty())
        code = run_shell(workspace, stops_cloud=started)
    raise typer.Exit(code)


def _found(port: int | None, endpoint: str | None) -> LocalCloud | None:
    """The cloud that a shell was asked to use, if it runs. Raises NotRunningError for an endpoint without one."""
    if endpoint is not None:
        return server.attach(endpoint)
    return next((cloud for cloud in registry.running(checkout().clouds) if port in (None, cloud.port)), None)


def project_folder() -> Path:
    """The current folder when it is a project, else this checkout."""
    here = Path.cwd()
    return here if (here / "Pulumi.yaml").exists() else checkout().project


def _print_exports(cloud: LocalCloud) -> None:
    # Whoever reads them with `eval` is a person at a terminal, whom Pulumi asks.
    workspace = open_workspace(cloud, project_folder(), interactive=True)
    accounts = ", ".join(workspace.project.account_ids) or "none"
    typer.echo(f"A local cloud answers at {cloud.endpoint}; accounts: {accounts}.", err=True)
    if not checkout().pulumi.exists():
        typer.echo("The Pulumi engine is not set up here, so it serves AWS clients only.", err=True)
    typer.echo("`make shell` opens a shell that uses it. In another shell, type:", err=True)
    for line in shell_lines(workspace.environment):
        typer.echo(line)
