"""LocalStack without Docker: what it needs is told, what it is started with is pinned, its plugins are found."""

import ast
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from localcloud import pythons
from localcloud.errors import SetupError
from localcloud.localstack import __main__ as command
from localcloud.localstack import hosting, packages
from localcloud.pythons import Python
from localcloud.server import LocalCloud

pytestmark = pytest.mark.pure

ROOT = Path(__file__).parents[2]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """`machine(minors, tools)` is one with these Pythons and these programs."""

    def has(minors: list[int], tools: tuple[str, ...] = packages.NODE_TOOLS) -> None:
        there = [Python((3, minor, 1), Path(f"/python3.{minor}")) for minor in minors]
        monkeypatch.setattr(pythons, "found", lambda: there)
        monkeypatch.setattr(packages.shutil, "which", lambda tool: f"/bin/{tool}" if tool in tools else None)

    return has


def test_a_machine_that_lacks_something_is_told_what(machine, capsys) -> None:
    machine([11, 14])
    assert packages.missing() == "LocalStack needs Python 3.12 or 3.13, and the Pythons here are: 3.11.1, 3.14.1"
    assert command.main(["--check"]) == 1
    assert "LocalStack is left out: LocalStack needs Python 3.12 or 3.13" in capsys.readouterr().err
    with pytest.raises(SetupError, match=r"docs/localstack\.md"):
        packages.installation()
    machine([12], tools=("node",))
    assert packages.missing() == "LocalStack's Kinesis needs Node.js, and npm is not on PATH"


def test_a_machine_that_has_all_gets_an_environment_for_this_version_and_python(machine, capsys) -> None:
    machine([11, 12, 13, 14])
    assert packages.missing() is None
    assert command.main(["--check"]) == 0
    assert re.fullmatch(rf"localstack-{packages.VERSION}-py3\.13-[0-9a-f]{{8}}", packages.installation().folder.name)


def test_every_requirement_is_pinned() -> None:
    lines = [line for line in packages.CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 100
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []


def test_the_entry_points_lead_to_plugins(tmp_path) -> None:
    # LocalStack is not installed here, so the modules are read and not imported.
    points = ConfigParser()
    points.read_string(hosting.ENTRY_POINTS)
    found = [points[group][name] for group in points.sections() for name in points[group]]
    assert len(found) == 2
    for module, _, name in (point.partition(":") for point in found):
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
        assert name in {node.name for node in tree.body if hasattr(node, "name")}


PARENT = """
import os, subprocess, sys
tether = [sys.executable, "-m", "localcloud.engine.tethered", str(os.getpid()), "--"]
child = subprocess.Popen([*tether, "sh", "-c", "echo here; exec sleep 600"], start_new_session=True)
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends a child with its parent")
def test_the_program_of_a_plugin_ends_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout.readline() == "here\n"
        parent.kill()
        # Whoever could write there has ended.
        assert parent.communicate(timeout=60) == ("", None)


def test_it_is_laid_out_where_it_looks(tmp_path) -> None:
    made = packages.Installation(tmp_path / "cache")
    program = hosting.program(made)
    found = program.environment(4620, tmp_path / "run", {"PATH": "/bin", "LOCALSTACK_AUTH_TOKEN": "x", "HOME": "/root"})
    assert (found["GATEWAY_LISTEN"], found["LAMBDA_RUNTIME_EXECUTOR"]) == ("127.0.0.1:4620", "sandbox")
    assert found["PYTHONPATH"] == f"{tmp_path}/run/plugins:{ROOT}"
    assert not any(name.startswith("LOCALSTACK_AUTH") for name in found)
    kinesis = Path(found["FILESYSTEM_ROOT"], "var/lib/localstack/lib/kinesis-local", packages.KINESIS_VERSION)
    assert kinesis.readlink() == made.kinesis
    [plugin] = (tmp_path / "run/plugins").iterdir()
    assert (plugin / "entry_points.txt").read_text() == hosting.ENTRY_POINTS


def test_its_first_line_says_what_is_its_own_and_what_stands_in(machine, capsys) -> None:
    machine([])
    assert command.main(["true"]) == 1
    first, *_ = capsys.readouterr().err.splitlines()
    assert "Its own: Lambda's API and its mappings, Kinesis, Firehose, S3, SQS, SNS, KMS" in first
    assert "Stand-ins: tables by moto, functions as processes" in first


def test_a_command_finds_it_and_no_other_one() -> None:
    caller = {"PATH": "/bin", "LOCALSTACK_HOST": "elsewhere:4566", "AWS_ENDPOINT_URL": "http://elsewhere"}
    found = command.environment(LocalCloud("http://127.0.0.1:4620", 4620), caller)
    assert found == {"PATH": "/bin", "AWS_ENDPOINT_URL": "http://127.0.0.1:4620"}
