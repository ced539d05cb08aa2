"""What the functions log: a line for the invocation, and one for each target at which something happened.

A metric is counted for the function and, beside it, for (FunctionName, Target).
"""

from __future__ import annotations

from collections.abc import Mapping

from handlers.shared.report import log_line

__all__ = ["COUNT", "counted", "log_target"]

COUNT = "Count"

Metrics = Mapping[str, tuple[float, str]]


def counted(**counts: int) -> dict[str, tuple[float, str]]:
    """Metrics that are counts."""
    return {name: (number, COUNT) for name, number in counts.items()}


def log_target(function: str, target: str, metrics: Metrics, details: Mapping[str, object]) -> None:
    """Prints a target's line with the metrics that are not zero, if there are any or there is something to say."""
    told = {name: metric for name, metric in metrics.items() if metric[0]}
    if told or details:
        log_line(told, {"FunctionName": function, "Target": target}, details)
