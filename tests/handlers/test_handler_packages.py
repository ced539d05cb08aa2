"""Handlers run where only their zip, the standard library and the runtime's boto3 are."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import handlers

pytestmark = pytest.mark.pure

ROOT = Path(handlers.__file__).parent
# What a zip has besides the function's own package and `shared`: see the components that declare the functions.
OTHERS = {"lake_exporter": {"handlers.lake_transformer"}}
FUNCTIONS = sorted(path.parent.name for path in ROOT.glob("*/main.py"))


def imports(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield node.module or ""


@pytest.mark.parametrize("function", [*FUNCTIONS, "shared"])
def test_a_function_imports_only_what_its_sandbox_has(function: str) -> None:
    own = {f"handlers.{function}", "handlers.shared", *OTHERS.get(function, ())}
    for module in (ROOT / function).glob("*.py"):
        for name in imports(module):
            top = name.partition(".")[0]
            if top == "handlers":
                assert ".".join(name.split(".")[:2]) in own, f"{module.name} imports {name}"
            else:
                assert top in {"botocore", "boto3"} or top in sys.stdlib_module_names, f"{module.name} imports {name}"
