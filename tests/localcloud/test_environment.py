"""What the CLI sees of the caller's environment, and what it does not."""

import subprocess
from pathlib import Path

import pytest

from localcloud.accounts import Credentials
from localcloud.engine.environment import environment, passphrase, shell_lines
from localcloud.engine.layout import Layout
from localcloud.errors import ProjectError
from localcloud.programs import LOCAL_CLOUD
from localcloud.server import LocalCloud

pytestmark = pytest.mark.pure

CLOUD = LocalCloud("http://127.0.0.1:4600", 4600)
OPERATOR = Credentials("AKIAOPERATOR", "secret")
CALLER = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/home/ada",
    "TERM": "xterm",
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "token",
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_ENDPOINT_URL_DYNAMODB": "https://example.com",
    "PULUMI_ACCESS_TOKEN": "pul-1",
    "PULUMI_BACKEND_URL": "s3://production-state",
    "PYTHONPATH": "/home/ada/lib",
    "MAKEFLAGS": "-j4",
    "no_proxy": "intranet",
}


def variables(tmp_path: Path, *, interactive: bool = False) -> dict[str, str]:
    return environment(
        CLOUD,
        OPERATOR,
        tmp_path / "state",
        region="eu-west-1",
        layout=Layout(tmp_path),
        caller=CALLER,
        interactive=interactive,
    )


def test_the_environment_is_the_callers_without_aws_and_pulumi_and_with_the_local_cloud(tmp_path: Path) -> None:
    found = variables(tmp_path)
    assert len(found.pop("PULUMI_CONFIG_PASSPHRASE")) >= 24
    assert found == {
        "PATH": f"{tmp_path}/.tributary/engine/bin:{tmp_path}/.venv/bin:/usr/bin:/bin",
        "HOME": "/home/ada",
        "TERM": "xterm",
        "NO_PROXY": "intranet,127.0.0.1,localhost",
        "no_proxy": "intranet,127.0.0.1,localhost",
        "PULUMI_HOME": f"{tmp_path}/.tributary/engine/home",
        "PULUMI_BACKEND_URL": f"file://{tmp_path}/state?metadata=skip",
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_SKIP_CONFIRMATIONS": "true",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4600",
        "AWS_ACCESS_KEY_ID": "AKIAOPERATOR",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def test_a_person_at_a_terminal_is_asked_for_confirmation(tmp_path: Path) -> None:
    assert "PULUMI_SKIP_CONFIRMATIONS" not in variables(tmp_path, interactive=True)


def test_a_shell_that_reads_the_lines_works_there_and_nowhere_else(tmp_path: Path) -> None:
    """Endpoint, credentials and a Pulumi state of its own; the caller's profile, token and other state are gone."""
    wanted = variables(tmp_path, interactive=True)
    script = "\n".join([*shell_lines(wanted, CALLER), "env -0"])
    done = subprocess.run(["sh", "-c", script], env=CALLER, capture_output=True, text=True)
    found = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    deciding = ("AWS_", "PULUMI_", "NO_PROXY", "no_proxy", "PATH")
    assert {name: value for name, value in found.items() if name.startswith(deciding)} == {
        name: value for name, value in wanted.items() if name.startswith(deciding)
    }
    assert (found["MAKEFLAGS"], found["PYTHONPATH"]) == ("-j4", "/home/ada/lib")
    assert shell_lines(wanted, found) == [], "a second time there is nothing to change"


def test_the_callers_passphrase_may_be_empty_or_in_a_file(tmp_path: Path) -> None:
    layout, file = Layout(tmp_path), tmp_path / "secret"
    file.write_text("mine\n")
    assert passphrase(layout, {"PULUMI_CONFIG_PASSPHRASE": "", "PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}) == ""
    assert passphrase(layout, {"PULUMI_CONFIG_PASSPHRASE_FILE": str(file)}) == "mine"
    with pytest.raises(ProjectError, match=r"_FILE is /nowhere: No such file.*`unset PULUMI_CONFIG_PASSPHRASE_FILE`"):
        passphrase(layout, {"PULUMI_CONFIG_PASSPHRASE_FILE": "/nowhere"})


def test_a_checkout_keeps_its_passphrase_and_the_callers_own_goes_first(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    made = passphrase(layout, {})
    assert passphrase(layout, {}) == made
    assert passphrase(layout, {"PULUMI_CONFIG_PASSPHRASE": "mine"}) == "mine"
    assert [path.name for path in layout.engine.iterdir()] == ["passphrase"]
    assert (layout.engine / "passphrase").stat().st_mode & 0o777 == 0o600


def test_the_emulator_gets_nothing_of_its_caller_but_what_is_listed(tmp_path: Path) -> None:
    found = LOCAL_CLOUD.environment(4600, tmp_path, CALLER | {"LANG": "C.UTF-8", "http_proxy": "http://proxy"})
    assert found.pop("PYTHONPATH") == str(Path(__file__).parents[2])
    assert found == {
        "AUTH": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": "4600",
        "HOME": f"{tmp_path}/home",
        "IOT_MTLS_ENABLED": "0",
        "LANG": "C.UTF-8",
        "MINISTACK_HOST": "127.0.0.1",
        "PATH": "/usr/bin:/bin",
        "PYTHONUNBUFFERED": "1",
        "S3_DATA_DIR": f"{tmp_path}/s3",
        "SFTP_ENABLED": "0",
        "STATE_DIR": f"{tmp_path}/state",
        "TMPDIR": f"{tmp_path}/tmp",
    }
