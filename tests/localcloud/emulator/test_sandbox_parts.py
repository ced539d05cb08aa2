"""What a sandbox is made of: its search path, its modules, its log lines and the errors of its end."""

import io
import sys
import zipfile
from pathlib import Path

import pytest

from localcloud.emulator.sandbox import logs
from localcloud.emulator.sandbox.worker import Outcome
from localcloud.sandbox import errors, preloaded, software

pytestmark = pytest.mark.pure


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/") + ".py", content)
    return buffer.getvalue()


def test_the_sdk_folder_holds_the_sdk_and_nothing_else() -> None:
    names = {entry.name for entry in Path(software.sdk_folder()).iterdir()}
    packages = {name for name in names if not name.endswith((".dist-info", ".egg-info"))}
    assert packages == {"boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"}


def test_later_layers_win_and_code_comes_first(tmp_path) -> None:
    layers = [zipped(python__shared="first"), zipped(python__shared="second", python__more="")]
    root, paths = software.unpack(tmp_path, zipped(handler=""), layers, "python3.13")
    assert paths == [root, str(tmp_path / "opt/python"), software.sdk_folder()]
    assert (tmp_path / "opt/python/shared.py").read_text() == "second"


def test_a_forked_sandbox_forgets_what_the_function_brings(tmp_path, monkeypatch) -> None:
    modules = dict.fromkeys(["boto3", "boto3.session", "six", "queue", "json", "needed"], None)
    monkeypatch.setattr(sys, "modules", {**sys.modules, **modules})
    (tmp_path / "queue.py").write_text("")
    preloaded.forget([str(tmp_path)], {"needed"}, {"boto3", "six"})
    assert ("queue" in sys.modules, "boto3" in sys.modules) == (False, True)
    (tmp_path / "six.py").write_text("")
    preloaded.forget([str(tmp_path)], {"needed"}, {"boto3", "six"})
    assert not {"six", "boto3", "boto3.session"} & set(sys.modules)
    assert "json" in sys.modules


@pytest.mark.parametrize(
    ("kind", "exit_code", "error_type", "reason"),
    [
        (b"T", None, "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
        (b"M", None, "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"),
        (b"X", 2, "Runtime.ExitError", "Runtime exited with error: exit status 2"),
        (b"X", 0, "Runtime.ExitError", "Runtime exited without providing a reason"),
        (b"X", -11, "Runtime.ExitError", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_each_end_has_lambdas_name(kind, exit_code, error_type, reason) -> None:
    payload, _, _ = errors.ended(kind, "id", 3.0, exit_code)
    assert payload == {"errorType": error_type, "errorMessage": f"RequestId: id Error: {reason}"}


def test_a_report_has_what_lambda_reports() -> None:
    outcome = Outcome(None, True, "one\ntwo\rthree\n", "stream", peak_memory_mb=40, init_s=0.25, status="timeout")
    assert logs.lines({"MemorySize": 128}, "id", outcome, 12.34) == [
        "START RequestId: id Version: $LATEST",
        "one",
        "two\nthree",
        "END RequestId: id",
        "\t".join(  # noqa: FLY002 - one field a line
            [
                "REPORT RequestId: id",
                "Duration: 12.34 ms",
                "Billed Duration: 13 ms",
                "Memory Size: 128 MB",
                "Max Memory Used: 40 MB",
                "Init Duration: 250.00 ms",
                "Status: timeout",
            ]
        ),
    ]


def test_what_is_in_the_log_already_is_not_written_twice() -> None:
    outcome = Outcome(None, False, "one\ntwo\n", "stream", live_bytes=len("one\n"))
    assert logs.lines({}, "id", outcome, 1.0)[:2] == ["two", "END RequestId: id"]
