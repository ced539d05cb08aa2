"""Archives as zip files whose bytes depend on nothing but names and contents, so that equal code has an equal hash."""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from localcloud.plugin.errors import OperationError
from localcloud.plugin.values import Archive, Asset

# The earliest time that the zip format can hold; and what Lambda needs: readable, and executable where it was.
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE, _EXECUTABLE_MODE = 0o644, 0o755


def zip_bytes(archive: Archive | Asset) -> bytes:
    """The archive as a zip file; one that is a zip already is taken as it is.

    Raises
    ------
    OperationError
        If a file is missing, or the archive is remote.
    """
    if isinstance(archive, Archive) and archive.kind == "path" and Path(archive.source).is_file():
        return Path(archive.source).read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name, content, executable in sorted(_files("", archive)):
            entry = zipfile.ZipInfo(name, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (_EXECUTABLE_MODE if executable else _MODE) << 16
            target.writestr(entry, content)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    """The hash as Lambda shows it (`CodeSha256`): base64 of SHA-256."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def asset_bytes(asset: Asset) -> bytes:
    """The content of one file.

    Raises
    ------
    OperationError
        If it is missing or remote.
    """
    return _asset(asset)[0]


def _files(prefix: str, node: Archive | Asset) -> Iterator[tuple[str, bytes, bool]]:
    if isinstance(node, Asset):
        yield (prefix, *_asset(node))
    elif node.kind == "assets":
        for name, child in node.source.items():
            yield from _files(f"{prefix}/{name}" if prefix else name, child)
    elif node.kind == "path":
        yield from _folder(prefix, Path(node.source))
    else:
        raise OperationError(f"The archive {node.source} is remote: give a local file or folder.")


def _folder(prefix: str, folder: Path) -> Iterator[tuple[str, bytes, bool]]:
    if folder.is_file():
        with zipfile.ZipFile(folder) as source:
            for entry in source.infolist():
                if not entry.is_dir():
                    executable = bool(entry.external_attr >> 16 & 0o100)
                    yield f"{prefix}/{entry.filename}" if prefix else entry.filename, source.read(entry), executable
        return
    if not folder.is_dir():
        raise OperationError(f"The archive {folder} does not exist: correct its path.")
    for file in folder.rglob("*"):
        if file.is_file():
            name = file.relative_to(folder).as_posix()
            yield f"{prefix}/{name}" if prefix else name, file.read_bytes(), bool(file.stat().st_mode & 0o100)


def _asset(asset: Asset) -> tuple[bytes, bool]:
    if asset.kind == "text":
        return asset.source.encode(), False
    file = Path(asset.source)
    if asset.kind != "path" or not file.is_file():
        raise OperationError(f"The asset {asset.source} is not a local file: correct its path.")
    return file.read_bytes(), bool(file.stat().st_mode & 0o100)
