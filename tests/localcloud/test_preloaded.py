"""When a fork would have other modules than a process of its own, it becomes one."""

from pathlib import Path

import pytest

from localcloud.engine.preloaded import Request, last_installed, suits

pytestmark = pytest.mark.pure


def wanted(folder: Path, *words: str, **environment: str) -> Request:
    return Request(str(folder), 0o022, list(words), environment)


@pytest.fixture
def shadowing(tmp_path: Path) -> Path:
    """A folder with a module that is imported already, under the same name, from elsewhere."""
    folder = tmp_path / "shadowing"
    folder.mkdir()
    (folder / "pytest.py").touch()
    return folder


def test_a_program_of_its_own_modules_is_forked(tmp_path: Path) -> None:
    (tmp_path / "__main__.py").touch()
    (tmp_path / "neighbour.py").touch()
    followed = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    assert suits(wanted(tmp_path, "runner.py", AWS_REGION="eu-west-1", **followed), last_installed())


def test_what_the_interpreter_reads_when_it_starts_is_not_for_a_fork(tmp_path: Path) -> None:
    for name in ("PYTHONHASHSEED", "PYTHONWARNINGS", "TRACEPARENT"):
        assert not suits(wanted(tmp_path, "runner.py", **{name: "1"}), last_installed()), name


def test_a_module_that_would_be_found_first_is_not_for_a_fork(shadowing: Path, tmp_path: Path) -> None:
    assert not suits(wanted(shadowing, "runner.py"), last_installed())
    assert not suits(wanted(tmp_path, "-m", "plugin", PYTHONPATH=str(shadowing)), last_installed())
    # The folder of a module that is run by its name is not looked in.
    assert suits(wanted(shadowing, "-m", "plugin"), last_installed())


def test_packages_that_have_changed_since_are_not_for_a_fork(tmp_path: Path) -> None:
    assert not suits(wanted(tmp_path, "runner.py"), last_installed() - 1)


def test_a_request_is_read_with_every_sign_that_a_variable_may_have() -> None:
    parts = ["/a folder", "18", "2", "-m", "plugin", "A=b=c", "EMPTY=", "LINES=one\ntwo ☂"]
    assert Request.read("\0".join(parts).encode()) == Request(
        "/a folder", 0o022, ["-m", "plugin"], {"A": "b=c", "EMPTY": "", "LINES": "one\ntwo ☂"}
    )
