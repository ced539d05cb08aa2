"""What a verification found, for people and for other programs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from operations.instruments.patience import SHOWN

KINDS = ("missing", "extra", "differing", "failed", "unsettled")


@dataclass
class Section:
    """What one comparison found. `found` has by kind what is shown of each key; `more` keys differ beyond those.

    `foreign` tells what is none of this copy, and why.
    """

    source: str
    copy: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    found: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    foreign: Sequence[str] = ()
    more: int = 0

    @property
    def equal(self) -> bool:
        """Whether nothing differs, nothing failed, and nothing kept changing."""
        return not (any(self.found.values()) or self.foreign or self.more)

    def as_json(self) -> dict[str, Any]:
        """The section for other programs."""
        return {
            "equal": self.equal,
            "source": self.source,
            "copy": self.copy,
            **self.facts,
            **self.found,
            "foreign": list(self.foreign),
            "more": self.more,
        }


@dataclass(frozen=True)
class Report:
    """What was found by each comparison, by its name; `notes` say what could not be compared."""

    sections: Mapping[str, Section]
    notes: Sequence[str]
    seconds: float
    read_units: float

    @property
    def equal(self) -> bool:
        """Whether nothing differs anywhere."""
        return all(section.equal for section in self.sections.values())

    def as_json(self) -> dict[str, Any]:
        """The report for other programs."""
        return {
            "equal": self.equal,
            **{name: section.as_json() for name, section in self.sections.items()},
            "notes": list(self.notes),
            "seconds": round(self.seconds, 3),
            "readUnits": self.read_units,
        }

    def summary(self) -> str:
        """The report in a few lines: the counts, and the first keys of each kind."""
        lines = [line for section in self.sections.values() for line in _lines(section)]
        return "\n".join([*lines, *self.notes, f"{self.read_units:g} read units; {self.seconds:.1f} s."])


def _lines(section: Section) -> list[str]:
    facts = ", ".join(f"{value} {_words(name)}" for name, value in section.facts.items() if name != "from")
    since = f" since {section.facts['from']}" if "from" in section.facts else ""
    verdict = "Equal" if section.equal else "Different"
    lines = [f"{verdict}: {section.source}{since} and {section.copy}: {facts}."]
    named = {kind: [json.dumps(one, ensure_ascii=False) for one in found] for kind, found in section.found.items()}
    for kind, texts in {**named, "foreign": section.foreign}.items():
        if texts:
            lines += [f"  {len(texts)} {kind}:", *(f"    {text}" for text in texts[:SHOWN])]
    if section.more:
        lines.append(f"  {section.more} more differ: too many to look at one by one.")
    return lines


def _words(name: str) -> str:
    """A name of JSON as words: `sourceItems` is `source items`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
