"""The stacks of a project folder: their files, and the order in which they can be deployed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from components.errors import SettingsError
from components.kinds import KINDS
from components.settings import Architecture
from components.stack_files import allowed_account, check_place, deployed_region, other_stacks, parse
from operations.errors import StackError


@dataclass(frozen=True)
class Stack:
    """One stack file: one account in one Region."""

    name: str
    account_id: str
    region: str
    architectures: Mapping[str, Architecture]

    @property
    def references(self) -> set[str]:
        """The names of the stacks whose outputs this one reads."""
        return {peer.stack for settings in self.architectures.values() for peer in settings.peers()}

    def instance_of(self, component: str) -> str:
        """The instance whose component has this name; the name itself when the file has no such instance any more."""
        named = {settings.component_name(name): name for name, settings in self.architectures.items()}
        return named.get(component, component)


def stack_names(folder: Path) -> list[str]:
    """The stacks that have a file in a project folder."""
    return sorted(path.name.split(".")[1] for path in folder.glob("Pulumi.*.yaml"))


def read(folder: Path, name: str) -> Stack:
    """One stack's file. Raises StackError when there is none or it is wrong."""
    path = folder / f"Pulumi.{name}.yaml"
    if not path.exists():
        close = get_close_matches(name, stack_names(folder), n=1)
        hint = f"Did you mean `{close[0]}`?" if close else f"There are {', '.join(stack_names(folder)) or 'none'}."
        raise StackError(f"there is no stack file {path.name} in {folder}. {hint}")
    try:
        config = _config(path)
        stack = Stack(
            name=name,
            account_id=allowed_account(path.name, config.get("aws:allowedAccountIds")),
            region=deployed_region(path.name, config.get("aws:region")),
            architectures=parse(KINDS, path.name, config.get("tributary:architectures")),
        )
        others = other_stacks(KINDS, folder, path.name)
        check_place(path.name, stack.account_id, stack.region, stack.architectures, others)
        return stack
    except SettingsError as wrong:
        raise StackError(str(wrong)) from None


def _config(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except yaml.YAMLError as invalid:
        raise SettingsError(f"{path.name} is not YAML: {invalid}") from None
    config = content.get("config") if isinstance(content, dict) else None
    if not isinstance(config, dict):
        raise SettingsError(f"{path.name}: `config` is missing; it must be a map such as the one in Pulumi.poc.yaml.")
    return config


def in_order(stacks: Sequence[Stack]) -> list[Stack]:
    """The stacks, each after those whose outputs it reads; otherwise in the order given.

    A referenced stack that is not among `stacks` is taken to be deployed already. Raises StackError for a circle.
    """
    by_name = {stack.name: stack for stack in stacks}
    graph = {name: [peer for peer in by_name if peer in stack.references] for name, stack in by_name.items()}
    try:
        return [by_name[name] for name in TopologicalSorter(graph).static_order()]
    except CycleError as circle:
        path: Iterable[str] = reversed(circle.args[1])
        raise StackError(
            f"stacks read each other's outputs in a circle: {' → '.join(path)}. Give one of them the literal ARNs "
            "instead of `{stack: …}`; docs/configuration.md shows both forms."
        ) from None


def dependents(folder: Path, name: str) -> list[str]:
    """The stacks of the folder that read the outputs of `name`."""
    return [other for other in stack_names(folder) if other != name and name in read(folder, other).references]
