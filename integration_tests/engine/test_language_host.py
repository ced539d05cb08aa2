"""The real engine runs Python programs: results, messages, isolation of runs, interruption. Needs no cloud."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from integration_tests.engine.conftest import STACK_FILE, TinyProject
from integration_tests.support.waiting import eventually

pytestmark = pytest.mark.local

GREETING = """
import pulumi
import seen

seen.runs.append(1)
print("a line of the program")
pulumi.log.warn("a warning of the program")
pulumi.export("greeting", pulumi.Config().require("greeting"))
pulumi.export("runs_in_this_process", len(seen.runs))
pulumi.export("token", pulumi.Output.secret("very-hidden"))
"""


def test_a_program_is_previewed_deployed_and_destroyed(tiny: TinyProject, tmp_path: Path) -> None:
    """Given a stack that was never touched, every command works as typed, and its file stays as it was written."""
    tiny.program(GREETING)
    (tiny.folder / "seen.py").write_text("runs = []\n")

    up = tiny.pulumi("up", "-s", "dev")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "a line of the program" in up.stdout
    assert "warning: a warning of the program" in up.stdout
    # One process ran the preview and another the update: the module's list began empty in both.
    assert tiny.outputs() == {"greeting": "hello", "runs_in_this_process": 1, "token": "[secret]"}
    state = (tmp_path / "state" / ".pulumi" / "stacks" / "tiny" / "dev.json").read_text()
    assert "very-hidden" not in state
    assert tiny.stack_file.read_text() == STACK_FILE

    tiny.stack_file.write_text(STACK_FILE.replace("hello", "good day"))
    again = tiny.pulumi("up", "-s", "dev", "--skip-preview")
    assert again.returncode == 0, again.stdout + again.stderr
    assert tiny.outputs()["greeting"] == "good day"

    for command in ("refresh", "destroy"):
        done = tiny.pulumi(command, "-s", "dev", "--skip-preview")
        assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads(tiny.pulumi("stack", "ls", "--json").stdout)
    assert [(stack["name"], stack["resourceCount"]) for stack in listed] == [("dev", 0)]
    assert tiny.stack_file.read_text() == STACK_FILE.replace("hello", "good day")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            "import pulumi\n\ndef fail(x):\n    raise KeyError(x)\n\npulumi.Output.from_input('lost').apply(fail)\n",
            """error: The program stopped with an exception:
      File "{program}", line 4, in fail
        raise KeyError(x)
    KeyError: 'lost'
""",
        ),
        (
            "import no_such_module\n",
            """error: The program stopped with an exception:
      File "{program}", line 1, in <module>
        import no_such_module
    ModuleNotFoundError: No module named 'no_such_module'
""",
        ),
        (
            "import pulumi\nraise pulumi.RunError('Pulumi.dev.yaml: `kind` is missing')\n",
            "error: Pulumi.dev.yaml: `kind` is missing\n",
        ),
        ("import sys\nsys.exit(3)\n", "error: The program ended itself with exit code 3.\n"),
        ("import os\nos._exit(4)\n", "the program's process ended with exit code 4 and without an answer\n"),
    ],
)
def test_a_failing_program_is_explained_in_its_own_lines(either: TinyProject, program: str, message: str) -> None:
    either.program(program)
    done = either.pulumi("preview", "-s", "dev")
    assert done.returncode != 0
    assert message.format(program=either.folder / "__main__.py") in done.stdout
    assert "program_runner" not in done.stdout + done.stderr


def test_an_interrupted_run_ends_quietly_and_leaves_no_process(either: TinyProject, tmp_path: Path) -> None:
    """^C in the middle of a program: no traceback, and the program's process is gone."""
    pid_file = tmp_path / "pid"
    either.program(
        f"import os, threading\nopen({str(pid_file)!r}, 'w').write(str(os.getpid()))\nthreading.Event().wait()\n"
    )
    preview = either.start("preview", "-s", "dev")
    pid = int(eventually(lambda: pid_file.exists() and pid_file.read_text(), timeout=20))

    os.killpg(preview.pid, signal.SIGINT)
    output, _ = preview.communicate(timeout=20)

    assert preview.returncode != 0
    assert "Traceback" not in output
    eventually(lambda: not Path(f"/proc/{pid}").exists())


def test_an_engine_that_is_killed_takes_everything_along(either: TinyProject, tmp_path: Path) -> None:
    """kill -9: the program, its host and the provider's plugin are gone soon after."""
    pid_file = tmp_path / "pid"
    either.program(
        "import contextlib, os, threading, pulumi_aws as aws\nfrom pathlib import Path\n"
        "with contextlib.suppress(Exception):\n    aws.get_partition()  # it starts the plugin, whatever it answers\n"
        f"Path({str(pid_file)!r}).write_text(f'{{os.getpid()}} {{os.getppid()}}')\nthreading.Event().wait()\n"
    )
    preview = either.start("preview", "-s", "dev")
    program, parent = map(int, str(eventually(lambda: pid_file.exists() and pid_file.read_text(), timeout=60)).split())
    # The engine's own, and those that are forked for it from a process of the cloud's.
    started = {*descendants(preview.pid), *descendants(parent)}
    assert len(started) > 3
    assert program in started

    engine = next(pid for pid in started if b"/bin/pulumi\0" in Path(f"/proc/{pid}/cmdline").read_bytes()[:99])
    os.kill(engine, signal.SIGKILL)

    eventually(lambda: [pid for pid in started if Path(f"/proc/{pid}/exe").exists()], equals=[], timeout=20)


def descendants(pid: int) -> list[int]:
    """The processes that a process started, and those that they did."""
    children = [int(one) for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]
    return [*children, *(below for child in children for below in descendants(child))]


def test_about_names_the_interpreter_and_the_packages(tiny: TinyProject) -> None:
    tiny.program("import pulumi\n")
    about = tiny.pulumi("about", "-s", "dev")
    assert about.returncode == 0, about.stderr
    assert "This project is written in python: executable=" in about.stdout
    assert re.search(r"^resource +aws +7\.", about.stdout, re.MULTILINE)
    assert re.search(r"^tributary +\d", about.stdout, re.MULTILINE)
    assert "using pulumi-language-python from $PATH" not in about.stderr
