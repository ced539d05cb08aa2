"""No module of `localcloud` needs itself: imports, also those inside functions and for types alone, have no circles."""

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parents[2]


def modules() -> dict[str, Path]:
    """Every module of `localcloud` by its dotted name."""
    paths = (ROOT / "localcloud").rglob("*.py")
    return {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}


def imported(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in known else node.module for name in names)


def graph() -> dict[str, set[str]]:
    known = modules()
    return {name: set(imported(path, known)) for name, path in known.items()}


def wing(module: str) -> str:
    """The folder or module directly below `localcloud.emulator` that a module belongs to."""
    return ".".join(module.split(".")[:3])


def circle(edges: Mapping[str, set[str]]) -> str | None:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return " -> ".join(reversed(error.args[1]))
    return None


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert circle(graph()) is None


def test_no_wing_of_the_emulator_needs_another_one_that_needs_it() -> None:
    """Given the emulator's folders, what two of them use lies in a third or one level up."""
    wings: dict[str, set[str]] = {}
    for module, needed in graph().items():
        if module.startswith("localcloud.emulator."):
            inside = {wing(one) for one in needed if one.startswith("localcloud.emulator.")}
            wings.setdefault(wing(module), set()).update(inside - {wing(module)})
    assert circle(wings) is None


def test_a_circle_is_named_in_the_direction_of_its_imports() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) in ("a -> b -> c -> a", "b -> c -> a -> b", "c -> a -> b -> c")
