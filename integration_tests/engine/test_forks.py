"""What the engine has forked from a process of the local cloud's is like a process of its own, and ends in time."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from integration_tests.engine.conftest import TinyProject, tiny_project
from localcloud import server
from localcloud.engine.forking import SUPPORTED

pytestmark = pytest.mark.local

TELLING = """
import os, sys
first = "pulumi_aws.sqs.queue" in sys.modules
import pulumi, pulumi_aws as aws
import neighbour

pulumi.export("parent", os.getppid())
pulumi.export("process", os.getpid())
pulumi.export("found_imported", first)
pulumi.export("neighbour", neighbour.VALUE)
pulumi.export("variable", os.environ.get("A_VARIABLE"))
pulumi.export("arguments", sys.argv)
pulumi.export("folder", os.getcwd())
pulumi.export("writes_bytecode", not sys.dont_write_bytecode)
pulumi.export("unbuffered", sys.stdout.write_through)
pulumi.export("standard_input", sys.stdin.read())
pulumi.export("queue", aws.sqs.Queue.__name__)
"""
WAITING = """
import os, threading
from pathlib import Path

Path({file!r}).write_text(f"{{os.getpid()}} {{os.getppid()}}")
threading.Event().wait()
"""


def up(project: TinyProject) -> dict[str, Any]:
    done = project.pulumi("up", "-s", "dev", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    return project.outputs()


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def test_each_run_is_a_fork_that_sees_what_the_program_is_now(forked: TinyProject) -> None:
    """Given a program that ran already, changes of it, of its modules and of the environment are what the next sees."""
    forked.program(TELLING)
    (forked.folder / "neighbour.py").write_text("VALUE = 'before'\n")
    one = up(forked)
    assert "preloaded.py" in command_line(one["parent"])

    (forked.folder / "neighbour.py").write_text("VALUE = 'afterwards'\n")
    given = {"A_VARIABLE": "given", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
    forked.environment = {**forked.environment, **given}
    other = up(forked)

    assert one["process"] != other.pop("process")
    assert other == {
        "parent": one["parent"],
        "found_imported": True,  # the first one used it
        "neighbour": "afterwards",
        "variable": "given",
        "arguments": [str(forked.folder)],
        "folder": str(forked.folder),
        "writes_bytecode": False,
        "unbuffered": True,
        "standard_input": "",
        "queue": "Queue",
    }
    assert (one["neighbour"], one.get("variable")) == ("before", None)
    assert (one["writes_bytecode"], one["unbuffered"]) == (True, False)


def test_a_program_that_brings_a_module_of_the_sdk_s_gets_its_own(forked: TinyProject) -> None:
    forked.program("import pulumi, jmespath\npulumi.export('whose', jmespath.WHOSE)\n")
    (forked.folder / "jmespath.py").write_text("WHOSE = 'the program'\n")

    assert up(forked) == {"whose": "the program"}


@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_a_cloud_that_ends_takes_its_forks_along(tmp_path: Path, eventually: Callable[..., object], way: str) -> None:
    if not SUPPORTED:
        pytest.skip("processes are forked on Linux only")
    with server.start(folder=tmp_path / "cloud") as cloud, tiny_project(tmp_path, cloud.endpoint) as project:
        file = tmp_path / "pids"
        project.program(WAITING.format(file=str(file)))
        preview = project.start("preview", "-s", "dev")
        told = str(eventually(lambda: file.exists() and file.read_text(), timeout=60))
        pids = [int(pid) for pid in told.split()]

        if way == "stopped":
            cloud.stop()
        else:
            assert cloud.pid is not None
            os.kill(cloud.pid, signal.SIGKILL)

        eventually(lambda: [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()], equals=[], timeout=20)
        output, _ = preview.communicate(timeout=60)
        assert preview.returncode != 0
        assert "Traceback" not in output
