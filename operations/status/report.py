"""What a look at stacks gave, as text and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from operations.status.findings import Finding


@dataclass(frozen=True)
class Seen:
    """A resource as it was seen, a dataclass with its `instance`; and in a line, None when that says nothing."""

    kind: str
    resource: Any
    line: str | None


@dataclass(frozen=True)
class StackReport:
    """One stack: what was seen of it and what needs a person."""

    name: str
    account_id: str
    region: str
    deployed: bool
    seen: Sequence[Seen]
    findings: Sequence[Finding]

    def as_json(self) -> dict[str, Any]:
        """For other programs: instance → kind of resource → what was seen."""
        instances: dict[str, dict[str, list[Any]]] = {}
        for one in self.seen:
            shown = asdict(one.resource)
            instances.setdefault(shown.pop("instance"), {}).setdefault(one.kind, []).append(_camel(shown))
        return {
            "stack": self.name,
            "account": self.account_id,
            "region": self.region,
            "deployed": self.deployed,
            "instances": instances,
            "findings": [asdict(finding) for finding in self.findings],
        }

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.name} ({self.account_id}, {self.region}){'' if self.deployed else ': not deployed'}"
        instances = dict.fromkeys(one.resource.instance for one in self.seen)
        for instance in instances:
            yield f"  {instance}"
            of_instance = [one for one in self.seen if one.resource.instance == instance]
            yield from (f"    {one.line}" for one in of_instance if one.line is not None)
            silent = [one for one in of_instance if one.line is None]
            if silent:
                yield f"    {len(silent)} {silent[0].kind} are off"
        for finding in self.findings:
            yield f"  ! {finding.instance}, {finding.resource}: {finding.problem}"
            yield f"    → {finding.next}"


@dataclass(frozen=True)
class Report:
    """Several stacks."""

    stacks: Sequence[StackReport]

    @property
    def findings(self) -> int:
        """How many things need a person."""
        return sum(len(stack.findings) for stack in self.stacks)

    def as_json(self) -> dict[str, Any]:
        """For other programs."""
        return {"findings": self.findings, "stacks": [stack.as_json() for stack in self.stacks]}

    def text(self) -> str:
        """For people."""
        return "\n".join(line for stack in self.stacks for line in stack.lines())


def _camel(values: dict[str, Any]) -> dict[str, Any]:
    return {_camel_name(name): value for name, value in values.items()}


def _camel_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
