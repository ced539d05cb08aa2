"""Whatever a deployment is doing when it is interrupted, the next `tributary up` or `destroy` comes to its end.

Each round lets some resources more be made, changed or deleted, and ends at the next one: by ^C, by a second ^C, by
kill -9. By default at a few resources of one committed stack; `TRIBUTARY_INTERRUPT=all` does it at every resource of
every stack, for a longer run.
"""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration_tests.support.addressing import Cloud
from integration_tests.support.deployments import PROJECT, prepare
from localcloud.engine.layout import checkout
from operations.engine import Engine
from operations.stacks import file_name

pytestmark = pytest.mark.local

TRIBUTARY = str(checkout().python.with_name("tributary"))
# What stacks need of others is deployed beside them.
STACKS: Mapping[str, Sequence[str]] = {
    "workshop-far": ("workshop-far",),
    "workshop": ("workshop",),
    "stream": ("stream-owner", "stream-subscriber"),
    "copy": ("poc", "prod"),
}
EVERYTHING = os.environ.get("TRIBUTARY_INTERRUPT") == "all"
CHOSEN = list(STACKS) if EVERYTHING else ["workshop-far"]
# At which resource that is begun a round is ended; what is left comes to its end after the last of them.
MAKING = (1,) * 60 if EVERYTHING else (2, 2)
CHANGING = (1,) * 60 if EVERYTHING else (2,)
ENDINGS = ("kill -9", "a second ^C") if EVERYTHING else ("kill -9",)
WORDS = ("creating", "updating", "deleting", "replacing")


Stop = Callable[[int, "subprocess.Popen[str]"], bool]


@dataclass
class Deployer:
    """Types commands as a script does, and interrupts them."""

    engine: Engine
    stacks: Sequence[str]

    def typed(
        self, *command: str, stop: Callable[[int, "subprocess.Popen[str]"], bool] | None = None
    ) -> tuple[int, str]:
        """The exit code and what was shown; `stop(number, process)` is told of every resource that is begun."""
        process = subprocess.Popen(
            [TRIBUTARY, *command, *self.stacks, "--yes"],
            cwd=self.engine.folder, env=dict(self.engine.environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        shown, begun, stopped = [], 0, False
        for line in process.stdout or ():
            shown.append(line)
            if stop and not stopped and " aws:" in line and any(f" {word} " in line for word in WORDS):
                begun += 1
                stopped = stop(begun, process)
        return process.wait(), "".join(shown)

    def unchanged(self) -> None:
        """Assert that the state is what the program says and what there is."""
        for stack in self.stacks:
            options = ["--yes", "--skip-preview", "--expect-no-changes", "--refresh", "--stack", stack]
            self.engine.run(["up", *options])

    def resources(self) -> dict[str, list[str]]:
        """The resources of AWS that each stack's state has."""
        return {stack: sorted(self._urns(stack)) for stack in self.stacks}

    def _urns(self, stack: str) -> list[str]:
        return [one["urn"] for one in self.engine.resources(stack) if one["type"].startswith("aws:")]


@pytest.fixture(scope="module", params=CHOSEN)
def deployer(
    request: pytest.FixtureRequest, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployer]:
    stacks = STACKS[request.param]
    committed = {found for stack in stacks for found in accounts_of(PROJECT / file_name(stack))}
    changes = {stack: {"deletionProtection": False} for stack in stacks}
    with ExitStack() as cleanup:
        accounts = {account: cloud.lend_account(cleanup) for account in committed}
        yield Deployer(prepare(cloud, tmp_path_factory.mktemp("interrupted"), changes, accounts), stacks)


def accounts_of(file: Path) -> set[str]:
    return set(re.findall(r"\b\d{12}\b", file.read_text()))


def at(point: int, end: Callable[["subprocess.Popen[str]"], None]) -> Stop:
    """Ends a command at so many resources that are begun."""

    def stop(number: int, process: "subprocess.Popen[str]") -> bool:
        if number == point:
            end(process)
        return number == point

    return stop


def until_done(
    deployer: Deployer, command: str, points: Sequence[int], end: Callable[["subprocess.Popen[str]"], None]
) -> int:
    """Types the command until it comes to its end, which is kept from it at first; how often it was."""
    for ended, point in enumerate(points):
        code, shown = deployer.typed(command, stop=at(point, end))
        assert "already exists" not in shown, shown
        if end is interrupt:
            assert not any(
                deployer.engine.state(stack)["deployment"].get("pending_operations") for stack in deployer.stacks
            )
        if code == 0:
            return ended
    code, shown = deployer.typed(command)
    assert code == 0, shown
    return len(points)


def interrupt(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)


def interrupt_twice(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)


def kill(process: "subprocess.Popen[str]") -> None:
    os.kill(engine_of(process.pid), signal.SIGKILL)


def test_a_deployment_that_is_interrupted_comes_to_its_end(deployer: Deployer) -> None:
    """At creating, updating and deleting."""
    assert until_done(deployer, "up", MAKING, interrupt) == len(MAKING) or EVERYTHING
    made = deployer.resources()
    assert all(made.values())
    deployer.unchanged()

    for stack in deployer.stacks:
        tags = json.dumps({"tags": {"round": "two"}})
        deployer.engine.run(["config", "set", "--stack", stack, "aws:defaultTags", tags])
    assert until_done(deployer, "up", CHANGING, interrupt) >= 1
    assert deployer.resources() == made
    deployer.unchanged()

    assert until_done(deployer, "destroy", CHANGING, interrupt) >= 1
    assert deployer.resources() == {stack: [] for stack in deployer.stacks}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_was_made_and_not_noted_is_taken_into_the_state(ending: str, deployer: Deployer) -> None:
    """The engine ends in the middle of creating: the next deployment has every resource once, and can be destroyed."""
    end = kill if ending == "kill -9" else interrupt_twice
    assert until_done(deployer, "up", MAKING, end) >= 2
    deployer.unchanged()
    assert until_done(deployer, "destroy", CHANGING, end) >= 1
    assert deployer.resources() == {stack: [] for stack in deployer.stacks}


def engine_of(pid: int) -> int:
    """The process of the CLI itself, below what started it."""
    children = [int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]
    for child in children:
        if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0].endswith(b"/bin/pulumi"):
            return child
    return engine_of(children[0])
