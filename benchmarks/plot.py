"""Draws the ratios of the saved comparisons: a bar is the ratio, a mark is what it is meant to reach."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.results import FOLDER

mpl.use("svg")  # no display

import matplotlib.pyplot as plt

BAR_INCHES = 0.32


def draw() -> Path:
    """Write `ratios.svg` beside the results; its path."""
    results = [result for path in sorted(FOLDER.glob("*.json")) for result in json.loads(path.read_text())]
    figure, axes = plt.subplots(figsize=(10, 1.2 + BAR_INCHES * len(results)))
    places = range(len(results))
    axes.barh(places, [result["ratio"] for result in results], color=[_colour(result) for result in results])
    goals = [(result["at_least"], place) for place, result in enumerate(results) if result["at_least"] is not None]
    if goals:
        axes.scatter(*zip(*goals, strict=True), marker="|", s=220, color="black", label="meant to reach", zorder=3)
        axes.legend(loc="lower right")
    axes.set_yticks(places, [f"{result['name']}\n{result['ours_name']}" for result in results], fontsize=7)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("times better than the baseline")
    figure.tight_layout()
    path = FOLDER / "ratios.svg"
    figure.savefig(path)
    plt.close(figure)
    return path


def _colour(result: dict[str, Any]) -> str:
    if result["at_least"] is None:
        return "lightgrey"
    return "seagreen" if result["ratio"] >= result["at_least"] else "firebrick"
