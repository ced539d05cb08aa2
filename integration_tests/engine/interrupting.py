"""Ends deployments in the middle: at one resource after another, in each of the ways in which they are ended."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from integration_tests.support.waiting import eventually
from localcloud.engine.layout import checkout
from operations.backends import folder_of
from operations.engine import Engine
from operations.looks import LOOKS
from operations.recovering import recover
from operations.stacks import read

TRIBUTARY = str(checkout().python.with_name("tributary"))
# How Pulumi shows that it begins with a resource, or is done with it.
STEP = re.compile(r" aws:(?P<resource>\S+ \S+) (?P<begun>creating|updating|deleting|replacing)?")
# What Pulumi says to a first ^C. Two that come closer together than that reach it as one.
RECEIVED = "^C received"
# How often the state is looked at: what has not begun by then is left for the next round.
LONGEST = 6
# These have no name: what tells them is that they have no alias or subnet yet, which is made when they are noted.
NAMELESS = ("aws:kms/key:Key", "aws:ec2/vpc:Vpc")
KNOWN_WHEN_MADE = ("id", "outputs", "created", "modified")
# Whatever a command comes to, it does not say this.
NEVER_SAID = ("already exists", "AlreadyExists", "Traceback", "panic:")

Process = subprocess.Popen[str]


@dataclass(frozen=True)
class Ending:
    """What is done to a command: the first step at once, each other one when Pulumi says that it has received ^C."""

    name: str
    steps: Sequence[Callable[[Process], None]]


# Is told of every resource that is begun: what is under way, which one is new there. How to end the command, if at all.
Stop = Callable[[set[str], str], Ending | None]


def _interrupt(process: Process) -> None:
    process.send_signal(signal.SIGINT)


def _kill(process: Process) -> None:
    """The CLI itself, which is below what started it, unless it has ended."""
    if engine := _engine_of(process.pid):
        os.kill(engine, signal.SIGKILL)


KILL = Ending("kill -9", (_kill,))
# Pulumi waits for what is under way.
INTERRUPT = Ending("^C", (_interrupt,))
# Pulumi ends at once.
INTERRUPT_TWICE = Ending("^C ^C", (_interrupt, _interrupt))


@dataclass(frozen=True)
class Deployer:
    """Deploys and destroys one stack, by `tributary`, or, where `bare`, by what that comes to when nothing is refused:
    what was interrupted is taken in, then Pulumi deploys. That is the faster by two runs of the program."""

    engine: Engine
    stack: str
    bare: bool = False

    def typed(self, command: str, stop: Stop | None = None) -> tuple[int, str]:
        """The exit code and what was shown."""
        words = [TRIBUTARY, command, self.stack, "--yes"]
        if self.bare:
            recover(self.engine, read(self.engine, self.stack), print, lambda question: None)
            words = ["pulumi", command, "--yes", "--skip-preview", "--non-interactive", "--stack", self.stack]
        process = subprocess.Popen(
            words, cwd=self.engine.folder, env=dict(self.engine.environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        shown: list[str] = []
        under_way: set[str] = set()
        steps: list[Callable[[Process], None]] = []
        for line in process.stdout or ():
            shown.append(line)
            if steps and RECEIVED in line:
                steps.pop(0)(process)
            if stop is None or (step := STEP.search(line)) is None:
                continue
            under_way.discard(step["resource"])
            if step["begun"]:
                under_way.add(step["resource"])
                if ending := stop(under_way, step["resource"]):
                    stop, steps = None, [*ending.steps]
                    steps.pop(0)(process)
        return process.wait(), "".join(shown)

    def done(self, command: str) -> None:
        """Type a command that must come to its end."""
        code, shown = self.typed(command)
        assert code == 0, shown

    def unchanged(self) -> None:
        """Assert that the state is what the program says and what there is."""
        self.engine.run(["up", "--yes", "--skip-preview", "--expect-no-changes", "--refresh", "--stack", self.stack])

    def resources(self) -> list[str]:
        """The resources of AWS in the state."""
        return sorted(one["urn"] for one in self.engine.resources(self.stack) if one["type"].startswith("aws:"))

    def under_way(self) -> set[str]:
        """The resources that are under way as the state has it; none while it is half written."""
        try:
            deployment = self.state()["checkpoint"]["latest"] or {}
        except ValueError:
            return set()
        return {shown(one["resource"]["urn"]) for one in deployment.get("pending_operations") or []}

    def note_as(self, operation: str, before: Any) -> None:
        """Put a state of before back, with everything of AWS in it as being created, updated or deleted: what was done
        since is known to nobody."""
        deployment = before["checkpoint"]["latest"]
        made = [one for one in deployment["resources"] if one["type"].startswith("aws:")]
        if operation == "creating":
            made = [one for one in made if one["type"] not in NAMELESS]
            deployment["resources"] = [one for one in deployment["resources"] if one not in made]
            made = as_begun(made)
        deployment["pending_operations"] = [{"resource": one, "type": operation} for one in made]
        self.state_file.write_text(json.dumps(before))

    def state(self) -> Any:
        """The state as it is stored."""
        return json.loads(self.state_file.read_text())

    @property
    def state_file(self) -> Path:
        folder = folder_of(self.engine.environment)
        assert folder is not None
        [file] = (folder / "stacks").glob(f"*/{self.stack}.json")
        return file


def as_begun(made: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Resources as they are noted before they are made.

    One that others need, and that is looked for in no account, since making it again changes nothing, is left out: the
    others would not have begun before it was noted.
    """
    needed = {urn for one in made for urn in one.get("dependencies", [])}
    begun = [one for one in made if one["type"] in LOOKS or one["urn"] not in needed]
    left_out = {one["urn"] for one in made} - {one["urn"] for one in begun}
    return [
        {
            **{name: value for name, value in one.items() if name not in KNOWN_WHEN_MADE},
            "dependencies": [urn for urn in one.get("dependencies", []) if urn not in left_out],
            "propertyDependencies": {},
        }
        for one in begun
    ]


def shown(urn: str) -> str:
    """A resource as Pulumi shows it."""
    service, _, kind = urn.split("::")[2].rpartition("$")[2].removeprefix("aws:").partition("/")
    return f"{service}:{kind.partition(':')[2]} {urn.rpartition('::')[2]}"


@dataclass
class Walk:
    """Ends a command at a resource at which it was not ended yet, again and again, until it comes to its end.

    `rounds` is how often at most, `leaps` how many such resources it lets begin before, at most; `between` is called
    after each ending. `met` is what was under way when it was ended.
    """

    deployer: Deployer
    endings: Iterator[Ending]
    random: Random
    rounds: int
    leaps: int = 0
    between: Callable[[int], None] = lambda ended: None
    met: set[str] = field(default_factory=set)

    def go(self, command: str) -> int:
        """How often it was ended."""
        for ended in range(self.rounds):
            if not self._ended(command):
                return ended
            self.between(ended)
        self.deployer.done(command)
        return self.rounds

    def _ended(self, command: str) -> bool:
        """Whether the command was ended; it has come to its end otherwise."""
        ending, leap = next(self.endings), self.random.randint(0, self.leaps)
        new: set[str] = set()

        def stop(under_way: set[str], resource: str) -> Ending | None:
            new.update({resource} - self.met)
            if len(new) <= leap:
                return None
            if self.deployer.bare:
                self._wait_for_more()
            self.met |= under_way
            return ending

        code, shown = self.deployer.typed(command, stop)
        left = self.deployer.under_way()
        self.met |= left
        print(f"{command} {self.deployer.stack}: {ending.name}, {code}, {len(left)} of {len(self.met)}", flush=True)
        assert code == 0 or len(new) > leap, shown
        assert not any(words in shown for words in NEVER_SAID), shown
        assert ending is not INTERRUPT or not left
        # Pulumi may end with exit code 0 though a second ^C kept it from its end.
        return len(new) > leap

    def _wait_for_more(self) -> None:
        """Until no more is begun, or some time: what needs nothing of the others is under way at the same time."""
        before: set[str] = set()
        looks = count()

        def no_more() -> bool:
            nonlocal before
            known, before = before, self.deployer.under_way()
            return (bool(before) and known == before) or next(looks) > LONGEST

        eventually(no_more, interval=0.4)


def _engine_of(pid: int) -> int | None:
    children = [int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]
    for child in children:
        if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0].endswith(b"/bin/pulumi"):
            return child
    return _engine_of(children[0]) if children else None
