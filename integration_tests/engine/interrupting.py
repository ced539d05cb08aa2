"""Ends deployments in the middle: at one resource after another, in each of the ways in which they are ended."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from integration_tests.support.waiting import eventually
from localcloud.engine.layout import checkout
from operations.backends import folder_of
from operations.engine import Engine
from operations.recovering import recover
from operations.stacks import read

TRIBUTARY = str(checkout().python.with_name("tributary"))
# How Pulumi shows that it begins with a resource, or is done with it.
STEP = re.compile(r" aws:(?P<resource>\S+ \S+) (?P<begun>creating|updating|deleting|replacing)?")
# How often the state is looked at: what has not begun by then is left for the next round.
LOOKS = 6
# A key has no name by which it could be found; that it has no alias yet tells it, since the alias is made afterwards.
NOTED_FIRST = ("aws:kms/key:Key",)
KNOWN_WHEN_MADE = ("id", "outputs", "created", "modified")
# Whatever a command comes to, it does not say this.
NEVER_SAID = ("already exists", "AlreadyExists", "Traceback", "panic:")

Process = subprocess.Popen[str]
Ending = Callable[[Process], None]
# Is told of every resource that is begun: what is under way, which one is new there. True when that ended the command.
Stop = Callable[[set[str], str, Process], bool]


def interrupt(process: Process) -> None:
    """^C: Pulumi waits for what is under way."""
    process.send_signal(signal.SIGINT)


def interrupt_twice(process: Process) -> None:
    """A second ^C: Pulumi ends at once."""
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)


def kill(process: Process) -> None:
    """kill -9 of the CLI itself, which is below what started it."""
    os.kill(_engine_of(process.pid), signal.SIGKILL)


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
        for line in process.stdout or ():
            shown.append(line)
            if stop is None or (step := STEP.search(line)) is None:
                continue
            under_way.discard(step["resource"])
            if step["begun"]:
                under_way.add(step["resource"])
                stop = None if stop(under_way, step["resource"], process) else stop
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
        """The resources that are under way as the state has it, which the engine may be writing."""
        deployment = json.loads(self.state_file.read_text())["checkpoint"]["latest"] or {}
        return {shown(one["resource"]["urn"]) for one in deployment.get("pending_operations") or []}

    def note_as(self, operation: str, before: Any) -> None:
        """Put a state of before back, with everything of AWS in it as being created, updated or deleted: what was done
        since is known to nobody."""
        deployment = before["checkpoint"]["latest"]
        made = [
            one
            for one in deployment["resources"]
            if one["type"].startswith("aws:") and not (operation == "creating" and one["type"] in NOTED_FIRST)
        ]
        if operation == "creating":
            deployment["resources"] = [one for one in deployment["resources"] if one not in made]
            made = [{name: one[name] for name in one if name not in KNOWN_WHEN_MADE} for one in made]
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

        def stop(under_way: set[str], resource: str, process: Process) -> bool:
            new.update({resource} - self.met)
            if len(new) <= leap:
                return False
            if self.deployer.bare:
                self._wait_for_more()
            ending(process)
            self.met |= under_way
            return True

        code, shown = self.deployer.typed(command, stop)
        left = self.deployer.under_way()
        self.met |= left
        print(f"{command} {self.deployer.stack}: {ending.__name__}, {code}, {len(left)} of {len(self.met)}", flush=True)
        assert code == 0 or len(new) > leap, shown
        assert not any(words in shown for words in NEVER_SAID), shown
        assert ending is not interrupt or not left
        # Pulumi may end with exit code 0 though a second ^C kept it from its end.
        return len(new) > leap

    def _wait_for_more(self) -> None:
        """Until no more is begun, or some time: what needs nothing of the others is under way at the same time."""
        before: set[str] = set()
        looks = count()

        def no_more() -> bool:
            nonlocal before
            known, before = before, self.deployer.under_way()
            return (bool(before) and known == before) or next(looks) > LOOKS

        eventually(no_more, interval=0.4, retry=(ValueError,))


def _engine_of(pid: int) -> int:
    children = [int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]
    for child in children:
        if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[0].endswith(b"/bin/pulumi"):
            return child
    return _engine_of(children[0])
