"""The demonstration: deploy both sides on a local cloud, send real records, compare everything, destroy everything."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from operations.cross_account_copy.comparing import Difference, difference
from operations.cross_account_copy.expecting import by_key, expected_items
from operations.cross_account_copy.flights import rows
from operations.cross_account_copy.observing import Lake, duplicates, item_count, table_items
from operations.cross_account_copy.sending import Record, Sent, send
from operations.engine import Engine
from operations.errors import DifferenceError, OperationError
from operations.stacks import Stack, in_order, read_all
from operations.workspace import write_workspace

STACKS = ("poc", "prod")
INSTANCE = "web-analytics"

# What the demonstration changes in the stack files: everything can be deleted afterwards, and nobody waits 300 s for
# an object.
BUFFER_SECONDS = 2
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "poc": {"deletionProtection": False, "delivery": {"bufferSeconds": BUFFER_SECONDS}},
    "prod": {"deletionProtection": False},
}

POLL_S = 0.5
# Longer without any progress means that something is broken.
STALLED_S = 60.0


def run(project: Path, record_count: int, keep: bool, console: Console) -> None:
    """Deploy, send, watch, compare, destroy. Raises OperationError; DifferenceError when the far end is not equal."""
    from localcloud import registry, server
    from localcloud.engine.layout import checkout
    from localcloud.workspace import open_workspace

    began = time.monotonic()
    flights = _flights(record_count)
    with ExitStack() as cleanup:
        cloud = server.start(folder=registry.new_folder(checkout().clouds), detached=keep)
        if keep:
            registry.register(cloud)
        else:
            cleanup.callback(cloud.stop)
        assert cloud.folder is not None  # it has one: it was started here
        folder = cloud.folder / "demo"
        folder.mkdir()
        write_workspace(folder, project, CHANGES)
        engine = Engine(folder, open_workspace(cloud, folder).environment)
        stacks = in_order(read_all(engine, STACKS))
        console.print(f"Local cloud at {cloud.endpoint}, accounts {', '.join(stack.account_id for stack in stacks)}.")

        outputs = {stack.name: _deploy(engine, stack, console) for stack in stacks}
        copy = _Copy(cloud.endpoint, {stack.name: stack for stack in stacks}, outputs)
        _watch(copy, flights, record_count, console)

        if keep:
            console.print(f"Kept: {folder} holds the stacks; `tributary local stop --port {cloud.port}` ends it all.")
        else:
            for stack in reversed(stacks):
                with console.status(f"Destroying {stack.name}"):
                    engine.destroy(stack.name)
            console.print("Destroyed both stacks.")
    console.print(f"Done in {time.monotonic() - began:.0f} s.")


def _deploy(engine: Engine, stack: Stack, console: Console) -> dict[str, Any]:
    """Deploy one stack; its outputs for the copy."""
    began = time.monotonic()
    with console.status(f"Deploying {stack.name} into account {stack.account_id}") as status:
        engine.up(stack.name, lambda line: status.update(f"Deploying {stack.name}: {line.strip()[:80]}"))
    console.print(
        f"Deployed {stack.name} into account {stack.account_id}: {len(engine.resources(stack.name))} resources "
        f"in {time.monotonic() - began:.1f} s."
    )
    outputs: dict[str, Any] = engine.outputs(stack.name)[INSTANCE]
    return outputs


class _Copy:
    """Both ends of the deployed copy, reached as the administrators of their accounts."""

    def __init__(self, endpoint: str, stacks: Mapping[str, Stack], outputs: Mapping[str, Mapping[str, Any]]) -> None:
        from localcloud.clients import root

        def client(stack: str, service: str) -> Any:
            return root(endpoint, stacks[stack].account_id, service, stacks[stack].region)

        self.stream_name = outputs["prod"]["streamName"]
        self.table_name = outputs["poc"]["tables"]["table"]
        self.kinesis = client("prod", "kinesis")
        self.dynamodb = client("poc", "dynamodb")
        self.lake = Lake(client("poc", "s3"), outputs["poc"]["bucketName"], "prod-kinesis-data")


def _watch(copy: _Copy, flights: Iterator[Record], record_count: int, console: Console) -> None:
    """Send the records, show the counts advance at every hop, compare table and bucket with what was sent."""
    began = time.monotonic()
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        hops = {
            hop: progress.add_task(hop, total=record_count)
            for hop in ("sent to the stream", "in the other account's table", "in the bucket")
        }
        sent_hop, table_hop, lake_hop = hops.values()
        sent = send(copy.kinesis, copy.stream_name, flights, lambda count: progress.advance(sent_hop, count))
        times = [time.monotonic() - began]
        _follow(progress, table_hop, record_count, lambda: item_count(copy.dynamodb, copy.table_name))
        times.append(time.monotonic() - began)
        _follow(progress, lake_hop, record_count, lambda: len(copy.lake.lines()))
        times.append(time.monotonic() - began)
    _report(copy, sent, times, console)


def _follow(progress: Progress, task: Any, total: int, count: Any) -> None:
    """Poll one hop until everything is there. Raises OperationError when it makes no progress for a minute."""
    seen, changed = -1, time.monotonic()
    while seen < total:
        now = count()
        if now != seen:
            seen, changed = now, time.monotonic()
            progress.update(task, completed=min(seen, total))
        elif time.monotonic() - changed > STALLED_S:
            raise OperationError(
                f"no progress for {STALLED_S:.0f} s: {seen} of {total}. `KEEP=1 make demo` keeps all for a look; "
                "the log group of the function before it says why."
            )
        if seen < total:
            time.sleep(POLL_S)


def _report(copy: _Copy, sent: list[Sent], times: list[float], console: Console) -> None:
    """Compare everything and say so. Raises DifferenceError."""
    expected = expected_items(sent)
    lines = copy.lake.items()
    found = {
        "table": difference(expected, by_key(table_items(copy.dynamodb, copy.table_name))),
        "bucket": difference(expected, by_key(lines)),
    }
    attributes = sum(map(len, expected.values()))
    for place, unequal in found.items():
        console.print(
            f"{'[red]Different' if unequal else '[green]Equal'}[/] {place}: {_verdict(unequal, len(expected))}"
        )
    console.print(
        f"Compared {attributes} attributes, name, type and value. {copy.lake.object_count} objects, "
        f"{duplicates(lines)} lines delivered more than once."
    )
    console.print(
        f"All sent after {times[0]:.1f} s, in the table after {times[1]:.1f} s, in the bucket after {times[2]:.1f} s "
        f"(the delivery stream buffers {BUFFER_SECONDS} s here, 300 s in the stack file)."
    )
    if any(found.values()):
        raise DifferenceError("the copy is not equal to what was sent; see the lines above")


def _verdict(unequal: Difference, count: int) -> str:
    return str(unequal) if unequal else f"{count} of {count} records, every attribute as sent"


def _flights(count: int) -> Iterator[Record]:
    """Departures from New York in 2013, in the order of the data set; it starts again when more are asked for."""
    flights = rows(count)
    randomness = random.Random(2013)
    for place in range(count):
        flight = flights[place % len(flights)] | {"nanotimestamp_": f"{1_357_000_000_000_000_000 + place}"}
        yield Record(flight["tailnum"] or f"unknown-{randomness.randrange(1000)}", json.dumps(flight).encode())
