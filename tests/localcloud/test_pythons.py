"""Which other Pythons there are: the newest of each minor version, wherever it is, and nothing that is broken."""

import sys
from pathlib import Path

import pytest

from localcloud import pythons

pytestmark = pytest.mark.pure

ANSWER = "#!/bin/sh\necho '[\"{path}\", [{version}], {whole}]'\n"


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`interpreter(file, version, whole)` puts a program that answers as an interpreter does."""
    monkeypatch.setattr(pythons, "ANYWHERE", ())

    def put(name: str, version: str, whole: str = "true") -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ANSWER.format(path=file, version=version, whole=whole))
        file.chmod(0o755)
        return file

    return put


def test_the_newest_of_each_minor_version_is_found_wherever_it_is(interpreter, tmp_path) -> None:
    interpreter("bin/python3.11", "3, 11, 2")
    newer = interpreter(".pyenv/versions/3.11.9/bin/python3", "3, 11, 9")
    managed = interpreter("pyenv/versions/3.14.0/bin/python3", "3, 14, 0")
    found = pythons._found(str(tmp_path / "bin"), str(tmp_path / "pyenv"), tmp_path)
    assert found == (pythons.Python((3, 11, 9), newer), pythons.Python((3, 14, 0), managed))


def test_what_does_not_run_or_makes_no_environments_or_is_one_is_none(interpreter, tmp_path) -> None:
    interpreter("shims/python3.13", "3, 13, 0").write_text("#!/bin/sh\necho 'no such version' >&2; exit 127\n")
    interpreter("debian/python3.12", "3, 12, 3", whole="false")
    interpreter("venv/bin/python3.12", "3, 12, 3")
    (tmp_path / "venv/pyvenv.cfg").write_text("")
    interpreter("config/python3.12-config", "3, 12, 3")
    path = ":".join(str(tmp_path / one) for one in ("shims", "debian", "venv/bin", "config"))
    assert pythons._found(path, "", tmp_path) == ()


def test_one_is_chosen_by_its_minor_version(monkeypatch) -> None:
    there = [pythons.Python((3, minor, 1), Path(f"/python3.{minor}")) for minor in (11, 12, 14)]
    monkeypatch.setattr(pythons, "found", lambda: there)
    assert pythons.newest((3, 12)) == there[2]
    assert pythons.newest((3, 12), before=(3, 14)) == there[1]
    assert pythons.newest((3, 15)) is None
    assert str(there[0]) == "Python 3.11.1 (/python3.11)"


def test_this_machine_is_asked_without_what_is_set_for_this_interpreter(monkeypatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    asked = pythons._asked(Path(sys.base_prefix) / "bin" / "python3")
    assert asked is not None
    assert asked.version == sys.version_info[:3]
