"""The code of a function: its own package of `handlers` and the shared one, at the same paths in the zip."""

from pathlib import Path

import pulumi

# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html: the newest Python runtime
RUNTIME = "python3.14"

HANDLERS = Path(__file__).resolve().parent.parent / "handlers"


def function_code(package: str) -> pulumi.Archive:
    """The archive of `handlers/<package>` together with `handlers/shared`."""
    folders = [HANDLERS / package, HANDLERS / "shared"]
    files = [HANDLERS / "__init__.py", *(path for folder in folders for path in sorted(folder.rglob("*.py")))]
    return pulumi.AssetArchive(
        {path.relative_to(HANDLERS.parent).as_posix(): pulumi.FileAsset(str(path)) for path in files}
    )
