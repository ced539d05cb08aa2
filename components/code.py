"""The code of a function: a package of `handlers` with what it shares, or a folder of the user's own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pulumi

from components.errors import SettingsError

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html: the newest Python runtime
RUNTIME = "python3.14"

PROJECT = Path(__file__).resolve().parent.parent
HANDLERS = PROJECT / "handlers"


@dataclass(frozen=True)
class FunctionCode:
    """What goes into the zip, and the entry point in it."""

    archive: pulumi.Archive
    entry: str


def packaged_code(
    package: str, *others: str, entry: str = "main.handler", libraries: Sequence[str] = ()
) -> FunctionCode:
    """`handlers/<package>` with `handlers/shared` and what `others` names, at the same paths in the zip.

    It is entered at `entry` of `package`. `libraries` are packages of Python alone that the runtime has not: they are
    taken from where this program runs, at the top of the zip. Raises SettingsError.
    """
    folders = [HANDLERS / name for name in (package, *others, "shared")]
    files = [HANDLERS / "__init__.py", *(path for folder in folders for path in sorted(folder.rglob("*.py")))]
    found = _files(files, PROJECT) | {name: path for library in libraries for name, path in _library(library).items()}
    return FunctionCode(_archive(found), f"handlers.{package}.{entry}")


def own_code(folder: str, entry: str) -> FunctionCode:
    """Every file of a folder, named as from the project's own, at the top of the zip. Raises SettingsError."""
    root = PROJECT / folder
    module = root / f"{'/'.join(entry.split('.')[:-1])}.py"
    if not module.is_file():
        raise SettingsError(
            f"the handler `{entry}` in `{folder}` has no file {module}; name the folder from the project's own, and "
            "the entry point as `<module>.<function>`."
        )
    files = sorted(path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return FunctionCode(_archive(_files(files, root)), entry)


def _library(name: str) -> dict[str, Path]:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError(
            f"the package `{name}` goes into the function's zip and is not installed here. Type "
            "`pip install -r requirements.txt` in the environment that runs this program."
        )
    folder = Path(spec.submodule_search_locations[0])
    return _files(sorted(folder.rglob("*.py")), folder.parent)


def _files(paths: Iterable[Path], root: Path) -> dict[str, Path]:
    return {path.relative_to(root).as_posix(): path for path in paths}


def _archive(files: Mapping[str, Path]) -> pulumi.Archive:
    return pulumi.AssetArchive({name: pulumi.FileAsset(str(path)) for name, path in files.items()})
