"""`python -m benchmarks [NAME…]`: runs the comparisons, all of them when none is named, and saves what they found."""

import importlib
import sys

from benchmarks.plot import draw
from benchmarks.results import save

# In the order in which they run; each module has `run()`, which yields results.
MODULES = (
    "copier",
    "replica",
    "shared_stream",
    "lake",
    "deploying",
    "handlers.deaggregation",
    "handlers.fan_out",
    "handlers.footprint",
    "handlers.processor",
    "handlers.rate",
)


def main(names: list[str]) -> int:
    """Run the named comparisons; 1 when one of them misses its ratio."""
    if unknown := set(names) - set(MODULES):
        print(f"there is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}", file=sys.stderr)
        return 2
    missed = 0
    for name in names or MODULES:
        results = []
        for result in importlib.import_module(f"benchmarks.{name}").run():
            print(result, flush=True)
            results.append(result)
            missed += not result.reached
        print(f"  saved to {save(results, name)}")
    print(f"drawn in {draw()}")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
