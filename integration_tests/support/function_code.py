"""The code of functions that are made without their components: what these pack."""

from collections.abc import Mapping
from pathlib import Path

import pulumi

from components.code import FunctionCode, packaged_code


def files_of(code: FunctionCode) -> Mapping[str, bytes]:
    """The contents of a zip by their places in it."""
    assert isinstance(code.archive, pulumi.AssetArchive)
    files = {name: asset for name, asset in code.archive.assets.items() if isinstance(asset, pulumi.FileAsset)}
    return {name: Path(asset.path).read_bytes() for name, asset in files.items()}


def packaged_files(package: str) -> Mapping[str, bytes]:
    """Those of `handlers/<package>` with what it shares."""
    return files_of(packaged_code(package))
