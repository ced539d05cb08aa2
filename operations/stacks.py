"""The stacks of a project folder, as the engine reads their files, and the order in which they can be deployed."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from components.errors import SettingsError
from components.kinds import KINDS
from components.settings import Architecture
from components.stack_settings import stack_settings
from operations.engine import Engine
from operations.errors import EngineError, NotDeployedError, StackError

PREFIX, SUFFIX = "Pulumi.", ".yaml"


@dataclass(frozen=True)
class Stack:
    """One stack: one account in one Region. `provider` has the `aws:…` settings, by which the account is reached."""

    name: str
    account_id: str
    region: str
    architectures: Mapping[str, Architecture]
    provider: Mapping[str, str] = field(default_factory=dict)

    @property
    def file(self) -> str:
        """The name of its file."""
        return file_name(self.name)

    @property
    def references(self) -> set[str]:
        """The names of the stacks whose outputs this one reads."""
        return {peer.stack for settings in self.architectures.values() for peer in settings.peers()}

    def instance_of(self, component: str) -> str:
        """The instance whose component has this name; the name itself when the file has no such instance any more."""
        named = {settings.component_name(name): name for name, settings in self.architectures.items()}
        return named.get(component, component)


def file_name(stack: str) -> str:
    """The name of a stack's file: of a stack such as `organization/project/poc.eu` the last part names it."""
    return f"{PREFIX}{stack.rpartition('/')[2]}{SUFFIX}"


def file_of(folder: Path, stack: str) -> Path:
    """A stack's file. Raises StackError when there is none."""
    path = folder / file_name(stack)
    if not path.exists():
        names = stack_names(folder)
        close = get_close_matches(stack, names, n=1)
        hint = f"Did you mean `{close[0]}`?" if close else f"There are {', '.join(names) or 'none'}."
        raise StackError(f"there is no stack file {path.name} in {folder}. {hint}")
    return path


def stack_names(folder: Path) -> list[str]:
    """The stacks that have a file in a project folder; a name may have dots."""
    files = (path.name for path in folder.glob(f"{PREFIX}*{SUFFIX}"))
    return sorted(name.removeprefix(PREFIX).removesuffix(SUFFIX) for name in files)


def read(engine: Engine, name: str) -> Stack:
    """One stack, as the engine says: secrets decrypted, whatever the spelling of its file.

    Raises StackError when there is no file, when it is wrong, or when the backend does not know the stack.
    """
    path = file_of(engine.folder, name)
    try:
        values = engine.config(name)
        settings = stack_settings(KINDS, path, values.get)
    except EngineError as error:
        if "no stack named" not in str(error):
            raise
        raise NotDeployedError(f"stack `{name}` is not deployed. Type `tributary up {name}` first.") from None
    except SettingsError as wrong:
        raise StackError(
            f"{wrong}\nCorrect that in {path.name}, and type the same command again; `pulumi preview --stack {name}` "
            "shows what it comes to."
        ) from None
    return Stack(
        name=name,
        account_id=settings.account_id,
        region=settings.region,
        architectures=settings.architectures,
        provider={key: value for key, value in values.items() if key.startswith("aws:")},
    )


def read_all(engine: Engine, names: Sequence[str]) -> list[Stack]:
    """Several stacks, side by side: the engine takes a moment for each. Raises StackError."""
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda name: read(engine, name), names))


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


def dependents(stacks: Iterable[Stack], name: str) -> list[str]:
    """Those of the stacks that read the outputs of `name`."""
    return [other.name for other in stacks if other.name != name and name in other.references]
