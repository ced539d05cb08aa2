"""The code of a function: a package of `handlers` with what it shares, or a folder of the user's own."""

from collections.abc import Iterable
from dataclasses import dataclass
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


def packaged_code(package: str, *others: str) -> FunctionCode:
    """`handlers/<package>` with `handlers/shared` and what `others` names, at the same paths in the zip.

    It is entered at `main.handler` of `package`.
    """
    folders = [HANDLERS / name for name in (package, *others, "shared")]
    files = [HANDLERS / "__init__.py", *(path for folder in folders for path in sorted(folder.rglob("*.py")))]
    return FunctionCode(_archive(files, PROJECT), f"handlers.{package}.main.handler")


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
    return FunctionCode(_archive(files, root), entry)


def _archive(files: Iterable[Path], root: Path) -> pulumi.Archive:
    return pulumi.AssetArchive({path.relative_to(root).as_posix(): pulumi.FileAsset(str(path)) for path in files})
