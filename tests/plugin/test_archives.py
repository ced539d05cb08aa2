"""Equal code makes equal bytes, whatever the file system says about it."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from localcloud.plugin.archives import sha256, zip_bytes
from localcloud.plugin.errors import OperationError
from localcloud.plugin.values import Archive, Asset

pytestmark = pytest.mark.pure


def contents(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_a_tree_of_assets_becomes_one_zip(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_text("a")
    archive = Archive(
        "assets",
        {
            "main.py": Asset("text", "m"),
            "lib": Archive("path", str(tmp_path / "package")),
            "deep": Archive("assets", {"b.py": Asset("path", str(tmp_path / "package" / "a.py"))}),
        },
    )

    assert contents(zip_bytes(archive)) == {"deep/b.py": b"a", "lib/a.py": b"a", "main.py": b"m"}


def test_times_and_order_do_not_matter(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, names in ((first, "ab"), (second, "ba")):
        folder.mkdir()
        for name in names:
            (folder / name).write_text(name)
    os.utime(second / "a", (0, 10**9))

    one, two = zip_bytes(Archive("path", str(first))), zip_bytes(Archive("path", str(second)))

    assert one == two
    assert sha256(one) == sha256(two)


def test_a_zip_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "code.zip"
    file.write_bytes(zip_bytes(Archive("assets", {"m.py": Asset("text", "1")})))

    assert zip_bytes(Archive("path", str(file))) == file.read_bytes()


@pytest.mark.parametrize("archive", [Archive("path", "/nonexistent"), Archive("uri", "https://example.com/a.zip")])
def test_what_is_not_there_is_named(archive: Archive) -> None:
    with pytest.raises(OperationError, match=str(archive.source)):
        zip_bytes(archive)
