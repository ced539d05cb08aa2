"""The sub-command of `tributary` that only a data lake has."""

from typing import Annotated

import typer

from operations.dialogue import printable
from operations.engine import Engine
from operations.options import HERE, Folder, Instance, Json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog='Example: tributary query lake "select id, name, designation from latest"')(query)


def query(
    stack: Annotated[str, typer.Argument(help="The stack that holds the bucket.")],
    sql: Annotated[str, typer.Argument(help="Athena's SQL over `latest`, `history` and `changes`.")],
    instance: Instance = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Json = False,
    folder: Folder = HERE,
) -> None:
    """Query a data lake; the rows go to standard output, what it read to standard error."""
    from components.data_lake.settings import ConsumingSettings, ProducerSettings
    from operations.access import instance_of
    from operations.data_lake import deployed, querying
    from operations.instances import Instance as Deployed
    from operations.stacks import read

    if as_csv and as_json:
        raise typer.BadParameter("--csv and --json are two forms of the same rows: leave out one of them")
    engine = Engine(folder)
    settings = read(engine, stack)
    name = instance_of(settings, instance, (ConsumingSettings, ProducerSettings))
    athena = deployed.store_of(Deployed(engine, settings, name)).athena
    query_id, ended = querying.ran(athena, sql)
    names, *rows = athena.rows_with_names(query_id)
    show = querying.as_csv if as_csv else querying.as_json if as_json else querying.as_text
    typer.echo(printable(show(names, rows)))
    typer.echo(querying.told(len(rows), ended), err=True)
