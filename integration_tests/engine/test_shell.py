"""`make shell` with commands on standard input, and `tributary local`."""

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from localcloud import ports, server
from localcloud.engine.layout import checkout

pytestmark = pytest.mark.local

STACK_FILE = 'config:\n    aws:region:   eu-west-1\n    aws:allowedAccountIds: ["999999999999"]\n'
PROGRAM = 'import pulumi\n\npulumi.export("answer", 42)\n'
NOWHERE = "http://127.0.0.1:9"
TRIBUTARY = str(checkout().python.with_name("tributary"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    for stack in ("poc", "prod"):
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(STACK_FILE)
    (tmp_path / "__main__.py").write_text(PROGRAM)
    return tmp_path


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this test's own, so that its shells never use a local cloud that somebody runs by hand."""
    found = ports.free_port()
    yield found
    subprocess.run([TRIBUTARY, "local", "stop", "--port", str(found)], capture_output=True)


def tributary(project: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([TRIBUTARY, *arguments], cwd=project, input=stdin, capture_output=True, text=True)


def test_commands_on_standard_input_run_as_typed(project: Path, port: int) -> None:
    commands = "pulumi up -s poc\npulumi refresh\npulumi stack output answer\necho $AWS_ENDPOINT_URL\npulumi destroy\n"
    done = tributary(project, "local", "shell", "--port", str(port), stdin=commands)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\n42\nhttp://127.0.0.1:{port}\n" in done.stdout
    assert [(project / f"Pulumi.{stack}.yaml").read_text() for stack in ("poc", "prod")] == [STACK_FILE, STACK_FILE]
    assert not ports.in_use(port)


def test_nothing_of_the_callers_settings_has_an_effect(
    project: Path, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies, profiles, a broken file, modes that do not exist, an empty passphrase: all stays on this machine."""
    broken = tmp_path / "config"
    broken.write_text("[default\nnonsense")
    hostile = {
        "AWS_CONFIG_FILE": str(broken),
        "AWS_PROFILE": "unknown",
        "AWS_RETRY_MODE": "never",
        "AWS_REGION": "mars",
    }
    proxies = dict.fromkeys(("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE)
    for name, value in (hostile | proxies | {"PULUMI_CONFIG_PASSPHRASE": ""}).items():
        monkeypatch.setenv(name, value)
    commands = "pulumi config set --secret -s poc tiny:a b\npulumi up -s poc --skip-preview\npulumi stack -s poc\n"
    done = tributary(project, "local", "shell", "--port", str(port), stdin=commands)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_first_command_that_fails_ends_the_shell_with_its_exit_code(project: Path, port: int) -> None:
    done = tributary(
        project,
        "local",
        "shell",
        "--port",
        str(port),
        stdin="echo one\nexit_with() { return 7; }\nexit_with\necho two\n",
    )
    assert (done.returncode, done.stdout) == (7, "one\n")


def test_a_failing_program_fails_the_shell(project: Path, port: int) -> None:
    (project / "__main__.py").write_text("import pulumi\nraise pulumi.RunError('nothing to see')\n")
    done = tributary(project, "local", "shell", "--port", str(port), stdin="pulumi preview -s poc\necho later\n")
    assert done.returncode != 0
    assert "nothing to see" in done.stdout
    assert "later" not in done.stdout


def test_a_started_cloud_serves_shells_until_it_is_stopped(
    project: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`start --detach`, two shells on one cloud and its stacks, `status`, `reset`, `logs`, `stop`."""
    at = ("--port", str(port))
    for name, value in (("AWS_PROFILE", "production"), ("PULUMI_BACKEND_URL", "s3://state"), ("HTTP_PROXY", NOWHERE)):
        monkeypatch.setenv(name, value)
    start = tributary(project, "local", "start", *at, "--detach")
    assert start.returncode == 0, start.stderr
    # A shell of its own that reads what was printed, whatever AWS and Pulumi settings it had before.
    script = f"{start.stdout}\necho $AWS_ENDPOINT_URL $AWS_REGION $AWS_PROFILE\npulumi stack ls --json\n"
    own = subprocess.run(["sh"], input=script, cwd=project, capture_output=True, text=True)
    answer, _, stacks = own.stdout.partition("\n")
    assert answer == f"http://127.0.0.1:{port} eu-west-1", own.stderr
    assert [stack["name"] for stack in json.loads(stacks)] == ["poc", "prod"]

    first = tributary(project, "local", "shell", *at, stdin="pulumi up -s prod --skip-preview\n")
    assert first.returncode == 0, first.stdout + first.stderr
    second = tributary(project, "local", "shell", *at, stdin="pulumi stack output answer -s prod\n")
    assert second.stdout == "42\n"
    assert f"http://127.0.0.1:{port}  pid" in tributary(project, "local", "status").stdout

    reset = tributary(project, "local", "reset", *at)
    assert reset.returncode == 0, reset.stderr
    empty = tributary(project, "local", "shell", *at, stdin="pulumi stack output -s prod --json\n")
    assert empty.stdout.strip() == "{}"

    assert "Running on" in tributary(project, "local", "logs", *at, "--lines", "1000").stdout
    assert tributary(project, "local", "stop", *at).returncode == 0
    again = tributary(project, "local", "stop", *at)
    assert again.returncode == 1
    assert again.stderr == (
        f"error: no local cloud runs on port {port}; `tributary local start` starts one, "
        "`tributary local status` lists them\n"
    )


def test_shells_can_use_a_cloud_that_something_else_runs(project: Path) -> None:
    """Its stacks last as long as it does, though it is not ours; a later cloud on its endpoint starts without them."""

    def shell(endpoint: str, stdin: str) -> subprocess.CompletedProcess[str]:
        return tributary(project, "local", "shell", "--endpoint", endpoint, stdin=stdin)

    with server.start() as cloud:
        # A second terminal in the middle of the first one's deployment leaves its key and its selected stack alone.
        second = f"(cd {project}; {TRIBUTARY} local shell --endpoint {cloud.endpoint} < /dev/null)"
        first = shell(
            cloud.endpoint,
            f"pulumi up -s poc --skip-preview\npulumi stack select prod\n{second}\npulumi stack --show-name\n"
            "echo $AWS_ACCESS_KEY_ID\n",
        )
        assert first.returncode == 0, first.stdout + first.stderr
        *_, selected, key = first.stdout.splitlines()
        assert selected == "prod"
        assert shell(cloud.endpoint, "echo $AWS_ACCESS_KEY_ID\n").stdout == f"{key}\n"
        assert shell(cloud.endpoint, "pulumi stack output answer -s poc\n").stdout == "42\n"
        assert cloud.healthy()
    gone = shell(cloud.endpoint, "true\n")
    assert gone.returncode == 1
    assert gone.stderr.startswith(f"error: nothing at {cloud.endpoint} answers as a local cloud: ")
    assert "`make shell` uses a local cloud of this project, and `tributary local status` lists those" in gone.stderr
    with server.start(cloud.port):
        assert shell(cloud.endpoint, "pulumi stack output --json\n").stdout == "{}\n"


def test_a_cloud_in_the_foreground_ends_cleanly_on_interrupt(project: Path, port: int) -> None:
    command = [TRIBUTARY, "local", "start", "--port", str(port)]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as start:
        assert start.stdout is not None
        assert start.stderr is not None
        while "until ^C" not in start.stderr.readline():
            pass
        os.kill(start.pid, signal.SIGINT)
        _, errors = start.communicate(timeout=20)
    assert (start.returncode, errors) == (0, "")
    assert not ports.in_use(port)


def test_a_cloud_starts_where_no_engine_is_set_up(project: Path, tmp_path: Path, port: int) -> None:
    """`local start` serves AWS clients; what needs the engine says what to type."""
    bare = (
        "from pathlib import Path; from localcloud.engine.layout import Layout; from localcloud import commands\n"
        f"Layout.engine = property(lambda self: Path({str(tmp_path / 'engine')!r}))\ncommands.app()"
    )

    def local(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(checkout().python), "-c", bare, *arguments, "--port", str(port)]
        environment = {**os.environ, "PYTHONPATH": str(checkout().project)}
        return subprocess.run(command, cwd=project, env=environment, input="", capture_output=True, text=True)

    started = local("start", "--detach")
    assert started.returncode == 0, started.stderr
    assert "The Pulumi engine is not set up here" in started.stderr
    assignments = [line.removeprefix("export ") for line in started.stdout.splitlines() if line.startswith("export ")]
    exported = dict(shlex.split(one)[0].split("=", 1) for one in assignments)
    client = boto3.client(
        "sts",
        endpoint_url=exported["AWS_ENDPOINT_URL"],
        region_name=exported["AWS_REGION"],
        aws_access_key_id=exported["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=exported["AWS_SECRET_ACCESS_KEY"],
    )
    assert client.get_caller_identity()["Account"]
    refused = local("shell")
    assert refused.returncode != 0
    assert "the Pulumi engine is not set up. `make shell` does it" in refused.stderr


def test_a_folder_without_a_project_and_wrong_usage_are_explained(tmp_path: Path, project: Path, port: int) -> None:
    (project / "Pulumi.poc.yaml").write_text("config:\n  aws:allowedAccountIds: [12]\n")
    wrong = tributary(project, "local", "shell", "--port", str(port), stdin="true\n")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith(f"error: {project}/Pulumi.poc.yaml: aws:allowedAccountIds holds '12'")
    assert not ports.in_use(port)
    assert tributary(project, "local", "shell", "--port", "no").returncode == 2
