"""Whatever a deployment is doing when it is interrupted, the next `tributary up` or `destroy` comes to its end.

By default the smallest committed stack is interrupted at a few of its resources, at others with another number as
`TRIBUTARY_SEED`, which is printed. `TRIBUTARY_INTERRUPT=all` interrupts every committed stack at each of its
resources while it is made, changed and deleted: an hour or two.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from integration_tests.engine.interrupting import INTERRUPT, INTERRUPT_TWICE, KILL, Deployer, Walk, shown
from integration_tests.support.addressing import Cloud
from integration_tests.support.deployments import PROJECT, prepare
from integration_tests.support.inventory import held
from localcloud.faults import Faults
from operations.stacks import file_name, read, stack_names

pytestmark = pytest.mark.local

# Every committed stack; what one needs of another is deployed before it.
STACKS: Mapping[str, Sequence[str]] = {
    "workshop-far": ("workshop-far",),
    "workshop": ("workshop",),
    "shared stream": ("stream-owner", "stream-subscriber"),
    "copy": ("poc", "prod"),
    "lake": ("lake",),
    "lake in two accounts": ("lake-consumer", "lake-producer"),
    "fan-out": ("partner", "platform"),
}
EVERYTHING = os.environ.get("TRIBUTARY_INTERRUPT") == "all"
SEED = int(os.environ.get("TRIBUTARY_SEED") or 1)
CHOSEN = list(STACKS) if EVERYTHING else ["workshop-far"]
# What is under way when a single ^C comes is done before the end; of the others nobody knows how far it came.
ENDINGS = (KILL, INTERRUPT_TWICE) if EVERYTHING else (KILL, INTERRUPT, INTERRUPT_TWICE)
MAKING, CHANGING, LEAPS = (200, 200, 0) if EVERYTHING else (2, 1, 2)
# A destroying that was ended so often is followed by a deployment that comes to its end.
ENDED_BEFORE_UP = 6 if EVERYTHING else 1
# These take place at once, and are answered later: all that can be begun is under way at the same time, and what is
# interrupted then was done and is not noted.
LATENCY_MS = 3000
# How operations begin that change something.
# fmt: off
WRITING = (
    "Add", "Associate", "Authorize", "Create", "Decrease", "Delete", "Deregister", "Disable", "Disassociate", "Enable",
    "Increase", "Modify", "Put", "Register", "Remove", "Revoke", "Schedule", "Set", "Start", "Stop", "Tag", "Untag",
    "Update",
)
# fmt: on


@pytest.fixture(scope="module", params=CHOSEN)
def deployers(
    request: pytest.FixtureRequest, cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sequence[Deployer]]:
    """Of the stacks, in the order in which they are deployed."""
    stacks = STACKS[request.param]
    committed = {found for stack in stacks for found in accounts_in(PROJECT / file_name(stack))}
    changes = {stack: {"deletionProtection": False} for stack in stacks}
    with ExitStack() as cleanup:
        accounts = {account: cloud.lend_account(cleanup) for account in committed}
        engine = prepare(cloud, tmp_path_factory.mktemp("interrupted"), changes, accounts)
        yield [Deployer(engine, stack, bare=EVERYTHING) for stack in stacks]


def accounts_in(file: Path) -> set[str]:
    return set(re.findall(r"\b\d{12}\b", file.read_text()))


def test_every_committed_stack_is_among_them() -> None:
    assert sorted(stack for stacks in STACKS.values() for stack in stacks) == stack_names(PROJECT)


def test_what_was_interrupted_comes_to_its_end(deployers: Sequence[Deployer], cloud: Cloud, faults: Faults) -> None:
    """Every resource is there once, as the program says; and nothing is left of a stack that was destroyed."""
    print(f"TRIBUTARY_SEED={SEED}")
    for verb in WRITING if EVERYTHING else ():
        faults.add("latency", latency_ms=LATENCY_MS, applied=True, operation=f"{verb}*")
    random, endings = Random(SEED), cycle(ENDINGS)
    before = [everything(deployer, cloud) for deployer in deployers]
    for deployer in deployers:
        made = interrupted(Walk(deployer, endings, random, MAKING, LEAPS), "up")
        assert made
        deployer.unchanged()
        tag_everything(deployer)
        assert interrupted(Walk(deployer, endings, random, CHANGING, LEAPS), "up") == made
        deployer.unchanged()
    for deployer in reversed(deployers):
        down = Walk(deployer, endings, random, CHANGING, LEAPS, deployed_again(deployer))
        assert interrupted(down, "destroy") == []
    assert [everything(deployer, cloud) for deployer in deployers] == before


def test_what_was_done_to_every_resource_is_found(deployers: Sequence[Deployer], cloud: Cloud) -> None:
    """As if each had been made, changed or deleted when the deployment ended, and none had been noted."""
    before = [everything(deployer, cloud) for deployer in deployers]
    for deployer in deployers:
        deployer.done("up")
        made = deployer.resources()

        def found_again(deployer: Deployer = deployer, made: Sequence[str] = made) -> None:
            deployer.done("up")
            assert deployer.resources() == made
            deployer.unchanged()

        deployer.note_as("creating", deployer.state())
        found_again()
        noted = deployer.state()
        tag_everything(deployer)
        deployer.done("up")
        deployer.note_as("updating", noted)
        found_again()
    for deployer in reversed(deployers):
        noted = deployer.state()
        deployer.done("destroy")
        deployer.note_as("deleting", noted)
        deployer.done("up")
        deployer.unchanged()
        deployer.done("destroy")
        assert deployer.resources() == []
    assert [everything(deployer, cloud) for deployer in deployers] == before


def interrupted(walk: Walk, command: str) -> list[str]:
    """The stack's resources after the walk. Where nothing is left out, each one that is made or deleted is met."""
    before = set(walk.deployer.resources())
    assert walk.go(command) >= 1
    after = walk.deployer.resources()
    if EVERYTHING:
        assert {shown(urn) for urn in before ^ set(after)} <= walk.met
    return after


def deployed_again(deployer: Deployer) -> Callable[[int], None]:
    made = deployer.resources()

    def deploy(ended: int) -> None:
        if (ended + 1) % ENDED_BEFORE_UP == 0:
            deployer.done("up")
            assert deployer.resources() == made
            deployer.unchanged()

    return deploy


def tag_everything(deployer: Deployer) -> None:
    tags = json.dumps({"tags": {"round": "two"}})
    deployer.engine.run(["config", "set", "--stack", deployer.stack, "aws:defaultTags", tags])


def everything(deployer: Deployer, cloud: Cloud) -> set[str]:
    """What the stack's account has."""
    stack = read(deployer.engine, deployer.stack)
    there = replace(cloud, region=stack.region)
    return held(there.clients(there.session(stack.account_id), stack.account_id))
