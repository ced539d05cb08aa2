"""Set-up does what is missing, in order, and remembers it."""

import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from localcloud import setup, setup_steps
from localcloud.engine.layout import Layout, checkout
from localcloud.engine.progress import Step
from localcloud.errors import SetupError
from localcloud.setup_steps import SetupStep, digest, environment_version

pytestmark = pytest.mark.pure


class Recorder:
    """Steps that write a file each and note their names."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.done: list[str] = []
        self.versions: dict[str, str] = {}

    def step(self, name: str, do: Callable[[], None] = lambda: None) -> SetupStep:
        def run(layout: Layout, step: Step) -> str:
            do()
            self.done.append(name)
            (layout.project / name).touch()
            return f"{name} is there"

        return SetupStep(
            name,
            f"making {name}",
            lambda layout: self.versions.get(name, "1"),
            lambda layout: layout.project / name,
            run,
        )


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(Layout(tmp_path))


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch, recorder: Recorder) -> str:
    monkeypatch.setitem(setup.TARGETS, "both", (recorder.step("first"), recorder.step("second")))
    return "both"


def test_steps_are_done_in_order_and_only_once(recorder: Recorder, target: str) -> None:
    assert setup.set_up(target, recorder.layout) == ["first", "second"]
    assert setup.set_up(target, recorder.layout) == []
    assert recorder.done == ["first", "second"]


def test_a_changed_key_repeats_its_step_alone(recorder: Recorder, target: str) -> None:
    setup.set_up(target, recorder.layout)
    recorder.versions["second"] = "2"
    assert setup.set_up(target, recorder.layout) == ["second"]


def test_a_removed_result_is_made_again(recorder: Recorder, target: str) -> None:
    setup.set_up(target, recorder.layout)
    (recorder.layout.project / "first").unlink()
    assert setup.set_up(target, recorder.layout) == ["first"]


def test_a_step_that_fails_is_repeated_and_those_before_it_are_not(
    monkeypatch: pytest.MonkeyPatch, recorder: Recorder
) -> None:
    working: list[str] = []

    def do() -> None:
        if not working:
            raise SetupError("the package index cannot be reached")

    monkeypatch.setitem(setup.TARGETS, "fragile", (recorder.step("first"), recorder.step("second", do)))
    with pytest.raises(SetupError, match="cannot be reached"):
        setup.set_up("fragile", recorder.layout)
    working.append("now")
    assert setup.set_up("fragile", recorder.layout) == ["second"]
    assert recorder.done == ["first", "second"]


def test_every_step_prints_its_name_its_result_and_its_time(
    recorder: Recorder, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    setup.set_up(target, recorder.layout)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("(")[0].split() for line in lines] == [
        ["first", "first", "is", "there"],
        ["second", "second", "is", "there"],
    ]
    assert all(line.endswith(" s)") for line in lines)


def test_targets_prepare_python_before_the_engine() -> None:
    names = {target: [step.name for step in steps] for target, steps in setup.TARGETS.items()}
    assert names == {
        "demo": ["python", "packages", "tributary", "pulumi", "plugins"],
        "shell": ["python", "packages", "tributary", "pulumi", "plugins"],
        "test": ["python", "packages", "tools", "tributary", "pulumi", "plugins", "servers"],
        "bench": ["python", "packages", "tools", "tributary", "pulumi", "plugins", "servers"],
        "check": ["python", "packages", "tools", "tributary"],
        "format": ["python", "packages", "tools"],
    }


def test_a_python_that_is_too_old_is_told_what_to_type() -> None:
    """Before anything of it is read that only newer ones understand."""
    old = "import runpy, sys; sys.version_info = (3, 10, 1); runpy.run_module('localcloud.setup', run_name='__main__')"
    ended = subprocess.run(
        [sys.executable, "-c", old, "demo"], cwd=checkout().project, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith("Tributary needs Python 3.11 or later, and this is ")
    assert ended.stderr.endswith("Install a newer one and name it: `make PYTHON=python3.13 demo`\n")


def test_an_unknown_target_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert setup.main(["dmeo"]) == 2
    assert "{demo,shell,test,bench,check,format}" in capsys.readouterr().err


def test_the_environment_version_is_read_from_its_configuration(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert environment_version(layout) == ()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.4\n")
    assert environment_version(layout) == (3, 12, 4)


def test_a_digest_depends_on_contents_and_on_where_one_part_ends(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("boto3==1\n")
    before = digest("a", file)
    file.write_text("boto3==2\n")
    assert digest("a", file) != before
    assert digest("ab", "c") != digest("a", "bc")


def test_a_checkout_that_cannot_be_written_is_one_line(
    recorder: Recorder, target: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> list[str]:
        raise PermissionError(13, "Permission denied", "/srv/checkout/.tributary")

    monkeypatch.setattr(setup, "set_up", refuse)
    assert setup.main([target]) == 1
    told = capsys.readouterr().err
    assert "failed: /srv/checkout/.tributary: Permission denied." in told
    assert "`export XDG_CACHE_HOME=…`" in told


class TestServers:
    @pytest.fixture
    def tried(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What apt-get was told, on a machine that has neither server and whose first installation fails."""
        tried: list[str] = []

        def apt_get(words: Sequence[str], *_rest: object) -> None:
            tried.append(words[0])
            if "update" not in tried:
                raise SetupError("Unable to locate package redis-server")

        monkeypatch.setattr(setup_steps, "_apt_get", apt_get)
        monkeypatch.setattr(setup_steps.os, "geteuid", lambda: 0)
        monkeypatch.setattr(setup_steps.shutil, "which", lambda name: "/usr/bin/apt-get" if name == "apt-get" else None)
        return tried

    def test_root_gets_them_after_asking_for_the_lists_of_packages(self, tried: list[str], tmp_path: Path) -> None:
        assert (
            setup_steps._install_servers(Layout(tmp_path), Step("servers", "installing", io.StringIO()))
            == "installed redis-server, memcached"
        )
        assert tried == ["install", "update", "install"]

    def test_anybody_else_is_told_what_to_type(
        self, tried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(setup_steps.os, "geteuid", lambda: 1000)
        told = setup_steps._install_servers(Layout(tmp_path), Step("servers", "installing", io.StringIO()))
        assert "`sudo apt-get install redis-server memcached`" in told
        assert tried == []
