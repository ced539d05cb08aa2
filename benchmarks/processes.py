"""Who used the processor during a command: the time of this process's descendants, by what they are. Linux only."""

import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
# A process that ends takes what it used since the last look with it.
LOOK_EVERY_S = 0.02
# What a process is, by a part of its name and command line, of which a fork has its origin's; what is none of these is
# the engine, its launcher or language host.
PARTS: Mapping[str, str] = {
    "program_runner": "program",
    "plugin ": "plugin",
    "localcloud.plugin": "plugin",
    "pulumi-resource-aws": "plugin",
    "language_host": "engine",
    "preloaded.py": "program",
    "localcloud.emulator": "cloud",
}


@contextmanager
def processor_time() -> Iterator[Mapping[str, float]]:
    """Seconds by part, complete when the block ends."""
    used: dict[str, float] = defaultdict(float)
    before = {pid: seconds for pid, (seconds, _) in _descendants().items()}
    seen: dict[int, tuple[float, str]] = {}
    ended = threading.Event()

    def note() -> None:
        for pid, (seconds, part) in _descendants().items():
            # One that has ended, and was not waited for yet, has no command line any more.
            seen[pid] = seconds, part or (seen[pid][1] if pid in seen else "")

    def look() -> None:
        while not ended.wait(LOOK_EVERY_S):
            note()

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield used
    finally:
        ended.set()
        watcher.join()
        note()
        for pid, (seconds, part) in seen.items():
            used[part or "engine"] += seconds - before.get(pid, 0.0)


def _descendants() -> dict[int, tuple[float, str]]:
    """Each descendant's processor time in seconds, and its part, empty when that cannot be told any more."""
    known = dict(filter(None, map(_process, Path("/proc").glob("[0-9]*"))))
    return {
        pid: (seconds, _part(pid)) for pid, (_, seconds) in known.items() if pid != os.getpid() and _ours(pid, known)
    }


def _process(folder: Path) -> tuple[int, tuple[int, float]] | None:
    """A process's id, its parent's, and its processor time: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(folder.name), (int(fields[1]), (int(fields[11]) + int(fields[12])) / TICKS_PER_S)


def _ours(pid: int, known: Mapping[int, tuple[int, float]]) -> bool:
    while pid in known and pid != os.getpid():
        pid = known[pid][0]
    return pid == os.getpid()


def _part(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text()
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
    return next((part for words, part in PARTS.items() if words in f"{name} {command}"), "engine") if command else ""
