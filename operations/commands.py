"""The sub-commands of `tributary` that work on the stacks of a project folder."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from operations import diagram as diagrams
from operations.engine import Engine

Stacks = Annotated[list[str] | None, typer.Argument(help="Stacks by name; all stack files of the folder when none.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Folder = Annotated[Path, typer.Option(help="The folder of Pulumi.yaml and the stack files.")]
HERE = Path()


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: tributary up poc prod")(up)
    app.command(epilog="Example: tributary destroy prod poc")(destroy)
    app.command(epilog="Example: tributary diagram poc prod > copy.mmd")(diagram)
    app.command(epilog="Example: DEMO_RECORDS=50000 KEEP=1 tributary demo")(demo)


def up(
    stacks: Stacks = None,
    yes: Yes = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Find out first what there really is.")] = False,
    folder: Folder = HERE,
) -> None:
    """Deploy stacks, each after those whose outputs it reads."""
    from operations import deploying  # takes a second with all that looks into accounts

    deploying.up(Engine(folder), stacks or [], yes, refresh)


def destroy(stacks: Stacks = None, yes: Yes = False, folder: Folder = HERE) -> None:
    """Destroy stacks, each before those whose outputs it reads."""
    from operations import deploying

    deploying.destroy(Engine(folder), stacks or [], yes)


def diagram(stacks: Stacks = None, folder: Folder = HERE) -> None:
    """Draw deployed stacks as a Mermaid flowchart, from their state."""
    engine = Engine(folder)
    typer.echo(diagrams.mermaid({stack: engine.resources(stack) for stack in stacks or engine.deployed()}), nl=False)


def demo(
    records: Annotated[int, typer.Option(envvar="DEMO_RECORDS", min=1, help="How many records to send.")] = 10_000,
    keep: Annotated[bool, typer.Option(envvar="KEEP", help="Leave everything running for a look.")] = False,
    folder: Folder = HERE,
) -> None:
    """Deploy the cross-account copy on a local cloud, send real records through it and compare everything."""
    from operations.cross_account_copy import demo as demonstration

    demonstration.run(folder.resolve(), records, keep, Console())
