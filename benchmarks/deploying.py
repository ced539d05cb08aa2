"""`pulumi up` of each committed stack, first and unchanged: where its time goes, and what it would be without Pulumi.

The times of engine, program, plugin and cloud are processor time, so that they hold on a busy machine too; those of
`up` are a clock's, and mean something on an idle one.
"""

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.processes import TICKS_PER_S, processor_time
from benchmarks.recording import recorded
from benchmarks.results import Result
from integration_tests.support.addressing import Cloud
from integration_tests.support.deployments import PROJECT, prepare
from localcloud import server
from localcloud.engine.stacks import read_project
from operations.engine import Engine

# Stacks whose accounts belong together, each after those that it reads.
GROUPS: Sequence[Sequence[str]] = (
    ("poc", "prod"),
    ("workshop",),
    ("stream-owner", "stream-subscriber"),
    ("partner", "platform"),
    ("lake",),
    ("lake-consumer", "lake-producer"),
)
# The stack whose unchanged `up` has a goal, in seconds.
GOAL_STACK, GOAL_S = "poc", 2.5
MORE = 100
PARTS = ("engine", "program", "plugin", "cloud")
MANY_STACK = "many"
MANY = """import pulumi_aws as aws

for number in range({count}):
    aws.sqs.Queue(f"queue-{{number}}")
"""


@dataclass(frozen=True)
class Run:
    """One `up`: its seconds by the clock, and the processor's seconds by part."""

    seconds: float
    parts: Mapping[str, float]


def run() -> Iterator[Result]:
    """The results of every stack, then those of 100 more resources."""
    for names in GROUPS:
        yield from _group(names)
    yield from _more()


def _group(names: Sequence[str]) -> Iterator[Result]:
    with ExitStack() as cleanup:
        engine, endpoint = _prepared(names, cleanup)
        for name in names:
            cleanup.callback(engine.destroy, name)
            first, unchanged = _up(engine, name), _up(engine, name)
            calls, seconds = _bare(engine, endpoint, name)
            size = len([one for one in engine.resources(name) if one["type"].startswith("aws:")])
            yield Result(
                f"first `up` of {name}, {size} resources", f"its {calls} calls alone", "up", seconds, first.seconds,
                at_least=None, unit="s",
            )  # fmt: skip
            yield from _split(f"first `up` of {name}", first)
            goal = GOAL_S if name == GOAL_STACK else None
            yield Result(
                f"unchanged `up` of {name}", "allowed" if goal else "first", "up", goal or first.seconds,
                unchanged.seconds, at_least=1 if goal else None, unit="s",
            )  # fmt: skip
            yield from _split(f"unchanged `up` of {name}", unchanged)


def _split(what: str, one: Run) -> Iterator[Result]:
    """The share of each part in the processor's time."""
    whole = sum(one.parts.values())
    for part in PARTS:
        used = max(one.parts.get(part, 0.0), 1 / TICKS_PER_S)
        yield Result(f"{what}: {part}", "all parts", part, whole, used, at_least=None, unit="CPU s")


def _up(engine: Engine, name: str) -> Run:
    began = time.monotonic()
    with processor_time() as parts:
        engine.up(name)
        seconds = time.monotonic() - began
    return Run(seconds, parts)


def _bare(engine: Engine, endpoint: str, name: str) -> tuple[int, float]:
    """How many calls a first `up` makes, and how long the cloud takes for them: it is destroyed and deployed again."""
    engine.destroy(name)
    with recorded(endpoint) as calls:
        replace(engine, environment={**engine.environment, "AWS_ENDPOINT_URL": calls.endpoint}).up(name)
    return calls.count, calls.seconds


def _more() -> Iterator[Result]:
    """What 100 resources add to a first and to an unchanged `up`."""
    with ExitStack() as cleanup:
        engine, _ = _prepared((), cleanup, {MANY_STACK: "config:\n  aws:region: eu-west-1\n"})
        # As the account's administrator: the deployer may make what the architectures consist of.
        administrator = {"AWS_ACCESS_KEY_ID": "111111111111", "AWS_SECRET_ACCESS_KEY": "test"}
        engine = replace(engine, environment={**engine.environment, **administrator})
        program = engine.folder / "__main__.py"
        definition = engine.folder / "Pulumi.yaml"
        definition.write_text(definition.read_text().replace(f"main: {PROJECT}\n", ""))
        cleanup.callback(engine.destroy, MANY_STACK)
        runs = {}
        for count in (1, 1 + MORE):
            program.write_text(MANY.format(count=count))
            runs[count] = _up(engine, MANY_STACK), _up(engine, MANY_STACK)
        for what, few, many in zip(("first", "unchanged"), runs[1], runs[1 + MORE], strict=True):
            yield Result(
                f"{what} `up` with {MORE} more resources", "without them", "with", few.seconds, many.seconds,
                at_least=None, unit="s",
            )  # fmt: skip


def _prepared(names: Sequence[str], cleanup: ExitStack, derived: Mapping[str, str] | None = None) -> tuple[Engine, str]:
    """A project folder with the stacks, on a cloud of its own, whose accounts are the committed ones; its endpoint.

    `derived` are stack files that are not committed: stack → content.
    """
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
    (folder / "project").mkdir()
    running = cleanup.enter_context(server.start(folder=folder / "cloud"))
    accounts = {account: account for account in read_project(PROJECT).account_ids}
    changes = {name: {"deletionProtection": False} for name in names}
    cloud = Cloud("local", running.endpoint, folder)
    return prepare(cloud, folder / "project", changes, accounts, derived), running.endpoint
