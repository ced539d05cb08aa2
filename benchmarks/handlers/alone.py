"""Runs one module of this package by itself: `python -m benchmarks.handlers.deaggregation`."""

from collections.abc import Iterable

from benchmarks.results import Result, save


def show(results: Iterable[Result], name: str) -> int:
    """Prints each result as it comes and saves them all; 1 when one of them misses its ratio."""
    shown = []
    for result in results:
        print(result, flush=True)
        shown.append(result)
    print(f"  saved to {save(shown, name)}")
    return int(not all(result.reached for result in shown))
