"""How verifying grows with its tables: time against a scan of both by one thread, and peak memory.

`python -m benchmarks.replica_growth [ITEMS]` runs this alone, up to so many items instead of a million.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

from benchmarks.cloud import Bench, benchmark_cloud
from benchmarks.plot import draw_growth
from benchmarks.replica_items import ACCOUNT
from benchmarks.results import Result

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
MEMORY_GOAL_MB = 150.0
PROJECT = Path(__file__).parents[1]


def run(bench: Bench, largest: int | None = None) -> Iterator[Result]:
    """Lets two equal tables grow to `largest` items, and reads both at every size on the way."""
    largest = largest or SIZES[-1]
    sizes = [size for size in SIZES if size < largest] + [largest]
    tables = [bench.make.table(ACCOUNT, keys="PK")["TableName"] for _ in range(2)]
    points: list[dict[str, float]] = []
    for first, size in pairwise([0, *sizes]):
        with ThreadPoolExecutor(len(tables)) as threads:
            filling = [threads.submit(_child, bench, "fill", table, first, size) for table in tables]
            for done in filling:
                done.result()
        scan_s, _ = _child(bench, "scan", *tables)
        verify_s, peak_mb = _child(bench, "verify", *tables)
        points.append({"items": size, "scan_s": scan_s, "verify_s": verify_s, "peak_mb": peak_mb})
        yield Result(f"verify of {size:,} items", "scan by one thread", "ours", scan_s, verify_s, at_least=1, unit="s")
    small, large = points[0], points[-1]
    small_us, large_us = (point["verify_s"] / point["items"] * 1e6 for point in (small, large))
    names = f"{small['items']:,} items", f"{large['items']:,} items"
    yield Result("verify's time an item", *names, small_us, large_us, at_least=0.7, unit="µs")
    yield Result("verify's memory", *names, small["peak_mb"], large["peak_mb"], at_least=0.75, unit="MB")
    yield Result("verify's memory", "goal", names[1], MEMORY_GOAL_MB, large["peak_mb"], at_least=1, unit="MB")
    print(f"  drawn in {draw_growth(points)}")


def _child(bench: Bench, what: str, *arguments: object) -> tuple[float, float]:
    """Seconds and peak memory in MB of one task, in a new process."""
    command = [sys.executable, "-m", "benchmarks.replica_tasks", what, bench.endpoint, *map(str, arguments)]
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    seconds, peak_mb = json.loads(done.stdout)
    return seconds, peak_mb


def main(arguments: list[str]) -> None:
    """The comparison up to so many items."""
    with benchmark_cloud() as bench:
        for result in run(bench, *map(int, arguments)):
            print(result, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
