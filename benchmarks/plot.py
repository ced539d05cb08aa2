"""Draws the saved comparisons: ratios, and what verifying takes as its tables grow."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.results import FOLDER

mpl.use("svg")  # no display

import matplotlib.pyplot as plt

BAR_INCHES = 0.32


def draw() -> Path:
    """Write `ratios.svg` beside the results; its path. A bar is the ratio, a mark is what it is meant to reach."""
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


def draw_growth(points: Sequence[Mapping[str, float]]) -> Path:
    """Write `growth.svg`; its path. A point has `items` of each table, `scan_s`, `verify_s` and `peak_mb`."""
    items = [point["items"] for point in points]
    figure, (times, memory) = plt.subplots(1, 2, figsize=(10, 4))
    for name, label in (("scan_s", "scan of both by one thread"), ("verify_s", "verify")):
        times.loglog(items, [point[name] for point in points], marker="o", label=label)
    times.set_ylabel("seconds")
    times.legend()
    memory.semilogx(items, [point["peak_mb"] for point in points], marker="o")
    memory.set_ylim(bottom=0)
    memory.set_ylabel("peak memory of verify, MB")
    for axes in (times, memory):
        axes.set_xlabel("items in each table")
        axes.grid(visible=True, alpha=0.3)
    figure.tight_layout()
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / "growth.svg"
    figure.savefig(path)
    plt.close(figure)
    return path


def _colour(result: dict[str, Any]) -> str:
    if result["at_least"] is None:
        return "lightgrey"
    return "seagreen" if result["ratio"] >= result["at_least"] else "firebrick"
