"""Whatever a deployment is doing when it is interrupted, the next `tributary up` or `destroy` comes to its end.

Each round lets a few resources more be made, changed or deleted, and interrupts the next one: by ^C, by a second ^C, by
kill -9. By default on one committed stack; `TRIBUTARY_INTERRUPT=all` does it to every one, for a longer run.
"""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
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
CHOSEN = list(STACKS) if os.environ.get("TRIBUTARY_INTERRUPT") == "all" else ["workshop-far"]
ROUNDS = 60  # more than any stack has resources
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

    def resources(self) -> dict[str, list[str]]:
        """The resources of AWS that each stack's state has."""
        return {stack: sorted(self._urns(stack)) for stack in self.stacks}

    def _urns(self, stack: str) -> list[str]:
        return [one["urn"] for one in self.engine.resources(stack) if one["type"].startswith("aws:")]


@pytest.fixture(scope="module", params=CHOSEN)
def deployer(request: pytest.FixtureRequest, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Deployer:
    stacks = STACKS[request.param]
    committed = {found for stack in stacks for found in accounts_of(PROJECT / file_name(stack))}
    accounts = {account: cloud.new_account() for account in committed}
    changes = {stack: {"deletionProtection": False} for stack in stacks}
    return Deployer(prepare(cloud, tmp_path_factory.mktemp("interrupted"), changes, accounts), stacks)


def accounts_of(file: Path) -> set[str]:
    return set(re.findall(r"\b\d{12}\b", file.read_text()))


def interrupt(number: int, process: "subprocess.Popen[str]") -> bool:
    """^C at the third resource that is begun."""
    if number == 3:
        process.send_signal(signal.SIGINT)
    return number == 3


def until_done(deployer: Deployer, *command: str) -> int:
    """Interrupts the command again and again until it comes to its end; how often it was interrupted."""
    for interrupted in range(ROUNDS):
        code, shown = deployer.typed(*command, stop=interrupt)
        if code == 0:
            return interrupted
        assert code == 130, shown
        assert "already exists" not in shown
        assert [deployer.engine.pending(stack) for stack in deployer.stacks] == [[] for _ in deployer.stacks]
    raise AssertionError("it never came to its end")


def test_a_deployment_that_is_interrupted_at_every_resource_comes_to_its_end(deployer: Deployer) -> None:
    assert until_done(deployer, "up") >= 2
    made = deployer.resources()
    assert all(made.values())
    for stack in deployer.stacks:
        deployer.engine.run(["preview", "--expect-no-changes", "--stack", stack])

    for stack in deployer.stacks:
        tags = json.dumps({"tags": {"round": "two"}})
        deployer.engine.run(["config", "set", "--stack", stack, "aws:defaultTags", tags])
    assert until_done(deployer, "up") >= 1
    assert deployer.resources() == made
    for stack in deployer.stacks:
        deployer.engine.run(["preview", "--expect-no-changes", "--stack", stack])

    assert until_done(deployer, "destroy") >= 2
    assert deployer.resources() == {stack: [] for stack in deployer.stacks}


@pytest.mark.parametrize("ending", ["a second ^C", "kill -9"])
def test_what_was_made_and_not_noted_is_taken_into_the_state(ending: str, deployer: Deployer) -> None:
    """The engine ends in the middle of creating: the next deployment has every resource once, and can be destroyed."""

    def end_at_once(number: int, process: "subprocess.Popen[str]") -> bool:
        if number < 3:
            return False
        if ending == "kill -9":
            engine = engine_of(process.pid)
            os.kill(engine, signal.SIGKILL)
        else:
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGINT)
        return True

    rounds = 0
    while (done := deployer.typed("up", stop=end_at_once))[0] != 0:
        assert "already exists" not in done[1], done[1]
        rounds += 1
        assert rounds < ROUNDS, done[1]
    assert rounds >= 2
    for stack in deployer.stacks:
        deployer.engine.run(["preview", "--expect-no-changes", "--stack", stack])
        deployer.engine.run(["refresh", "--yes", "--skip-preview", "--expect-no-changes", "--stack", stack])
    code, shown = deployer.typed("destroy")
    assert code == 0, shown
    assert deployer.resources() == {stack: [] for stack in deployer.stacks}


def engine_of(pid: int) -> int:
    """The process of the CLI itself, below what started it."""
    children = [int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]
    for child in children:
        if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0].endswith(b"/bin/pulumi"):
            return child
    return engine_of(children[0])
