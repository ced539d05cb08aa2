"""What a comparison found, on the screen and as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Result:
    """`baseline` and `ours` are amounts of `unit`, less is better.

    `at_least` is the ratio that we mean to reach; None for figures that are only told.
    """

    name: str
    baseline_name: str
    ours_name: str
    baseline: float
    ours: float
    at_least: float | None
    unit: str

    @property
    def ratio(self) -> float:
        """How many times less ours needs."""
        return self.baseline / self.ours

    @property
    def reached(self) -> bool:
        """Whether the ratio is what it is meant to be."""
        return self.at_least is None or self.ratio >= self.at_least

    def __str__(self) -> str:
        goal = "" if self.at_least is None else f" (at least {self.at_least:g})"
        verdict = "" if self.reached else "  NOT REACHED"
        return (
            f"{self.name}: {self.baseline_name} {self.baseline:.3g} {self.unit}, "
            f"{self.ours_name} {self.ours:.3g} {self.unit}: "
            f"{self.ratio:.2f} times{goal}{verdict}"
        )


def save(results: list[Result], name: str) -> Path:
    """Write the results of one module as JSON."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    path.write_text(
        json.dumps([{**asdict(result), "ratio": round(result.ratio, 3)} for result in results], indent=2) + "\n"
    )
    return path
