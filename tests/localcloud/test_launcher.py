"""The `pulumi` of `make shell` leaves stack files as the user wrote them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.engine import launcher

pytestmark = pytest.mark.pure

WRITTEN = b'# the account that receives\nconfig:\n    aws:region:   eu-west-1  # Ireland\n    tributary:n: "1"\n'
# What the CLI makes of it: its own layout, and a salt.
SALTED = (
    b'# the account that receives\nconfig:\n  aws:region: eu-west-1 # Ireland\n  tributary:n: "1"\n'
    b"encryptionsalt: v1:AyaGxUEh5ZY=:v1:PpooU/roAx1dTCrM:BQkJuXmMjbBGlK==\n"
)


def test_a_file_that_only_gained_a_salt_is_restored_byte_by_byte() -> None:
    assert launcher.without_added_salt(WRITTEN, SALTED) == WRITTEN


@pytest.mark.parametrize(
    ("time", "as_go_prints_it"),
    [
        (b"2026-11-22T10:00:00Z", b"2026-11-22 10:00:00 +0000 UTC"),
        (b"2026-11-22T10:00:00.5+02:00", b"2026-11-22 10:00:00.5 +0200 +0200"),
        (b"2026-11-22", b"2026-11-22 00:00:00 +0000 UTC"),
    ],
)
def test_a_time_without_quotes_stays_as_it_was_written(time: bytes, as_go_prints_it: bytes) -> None:
    """Whatever the CLI makes of it while it writes its salt; another time is a change."""
    written, salted = WRITTEN.replace(b'"1"', time), SALTED.replace(b'"1"', as_go_prints_it)
    assert launcher.without_added_salt(written, salted) == written
    changed = launcher.without_added_salt(written, salted.replace(b"2026", b"2025"))
    assert b"2025" in changed


def test_another_change_is_kept_and_the_salt_is_not() -> None:
    changed = SALTED.replace(b"eu-west-1", b"eu-north-1")
    kept = launcher.without_added_salt(WRITTEN, changed)
    assert b"eu-north-1" in kept
    assert b"encryptionsalt" not in kept


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (SALTED, SALTED + b"# more\n", "the user's own salt"),
        (None, SALTED, "a stack that the command made"),
        (WRITTEN, WRITTEN, "nothing changed"),
        (WRITTEN, SALTED.replace(b'"1"', b"\n    secure: v1:abc"), "a secret that this salt encrypts"),
    ],
)
def test_what_is_not_ours_stays(before: bytes | None, now: bytes, reason: str) -> None:
    assert launcher.without_added_salt(before, now) == now, reason


def fake_cli(folder: Path, body: str) -> Path:
    path = folder / "fake-pulumi"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def launch(cli: Path, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", launcher.__file__, str(cli), *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True)


def test_the_launcher_passes_arguments_output_and_exit_code_on(tmp_path: Path) -> None:
    done = launch(fake_cli(tmp_path, 'echo "$@"; echo problem >&2; exit 7'), tmp_path, "up", "-s", "poc", "a b")
    assert (done.returncode, done.stdout, done.stderr) == (7, "up -s poc a b\n", "problem\n")


def test_an_import_asks_for_no_generated_program(tmp_path: Path) -> None:
    cli = fake_cli(tmp_path, 'echo "$@"')
    imported = launch(cli, tmp_path, "import", "aws:dynamodb/table:Table", "clicks", "clicks", "--yes")
    assert imported.stdout == "import aws:dynamodb/table:Table clicks clicks --yes --generate-code=false\n"
    assert "declare it in the program yourself" in imported.stderr
    asked = launch(cli, tmp_path, "import", "t", "n", "i", "--generate-code=true")
    assert (asked.stdout, asked.stderr) == ("import t n i --generate-code=true\n", "")


def test_a_cli_that_a_signal_ended_has_the_exit_code_that_shells_report(tmp_path: Path) -> None:
    assert launch(fake_cli(tmp_path, "kill -9 $$"), tmp_path).returncode == 128 + 9


def test_a_local_cloud_that_has_stopped_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "a state"
    monkeypatch.setenv("PULUMI_BACKEND_URL", state.as_uri())
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4600")
    cli = fake_cli(tmp_path, "echo here")
    stopped = launch(cli, tmp_path)
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert stopped.stderr.startswith("error: the local cloud at http://127.0.0.1:4600 has stopped")
    state.mkdir()
    assert launch(cli, tmp_path).stdout == "here\n"


def test_an_interrupt_is_for_the_cli_and_the_launcher_waits_for_it(tmp_path: Path) -> None:
    """^C goes to the whole foreground group: the CLI cancels, says so, and its exit code is the launcher's."""
    cli = fake_cli(tmp_path, "trap 'echo cancelled; exit 9' INT\necho ready\nwhile :; do read line; done")
    command = [sys.executable, "-P", launcher.__file__, str(cli)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=10)
    assert (process.returncode, output) == (9, "cancelled\n")


def test_the_launcher_restores_the_stack_files_of_the_project_it_is_called_in(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\n")
    (tmp_path / "Pulumi.poc.yaml").write_bytes(WRITTEN)
    os.chmod(tmp_path / "Pulumi.poc.yaml", 0o640)
    (tmp_path / "salted").write_bytes(SALTED)
    inside = tmp_path / "components"
    inside.mkdir()
    assert launch(fake_cli(tmp_path, f"cat {tmp_path}/salted > {tmp_path}/Pulumi.poc.yaml"), inside).returncode == 0
    assert (tmp_path / "Pulumi.poc.yaml").read_bytes() == WRITTEN
    assert (tmp_path / "Pulumi.poc.yaml").stat().st_mode & 0o777 == 0o640
