"""The exit codes and messages of `tributary`."""

from collections.abc import Callable
from typing import NoReturn

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
)

from components.errors import SettingsError
from localcloud.errors import NotRunningError
from operations import cli
from operations.errors import StackError

pytestmark = pytest.mark.pure


def refused(code: str) -> ClientError:
    """What a client raises for an answer of AWS with this code."""
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutItem")


@pytest.fixture
def ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[BaseException], tuple[object, str]]:
    """Runs a command that raises; its exit code and what it printed on standard error."""

    def run(error: BaseException) -> tuple[object, str]:
        def fail(*_: object) -> NoReturn:
            raise error

        monkeypatch.setattr(cli, "command", lambda: fail)
        with pytest.raises(SystemExit) as exit_:
            cli.main([])
        return exit_.value.code, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StackError("there is no stack file"), "error: there is no stack file\n"),
        (SettingsError("`kind` is missing"), "error: `kind` is missing\n"),
        (NotRunningError("no local cloud"), "error: no local cloud\n"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_expected_error_is_a_message_and_exit_code_1(
    ends: Callable[[BaseException], tuple[object, str]], error: Exception, message: str
) -> None:
    assert ends(error) == (1, message)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), "`tributary local status` lists those that run"),
        (ConnectionClosedError(endpoint_url="http://127.0.0.1:9"), "The connection broke: type the same command again"),
        (NoCredentialsError(), "Type the command in `make shell`, or name your own profile"),
        (refused("AccessDenied"), "docs/real-accounts.md"),
        (refused("ExpiredTokenException"), "Get new credentials, such as by `aws sso login`"),
        (refused("ExpiredToken"), "`export AWS_PROFILE=…`, and type the same command again"),
        (refused("ProvisionedThroughputExceededException"), "type the same command again, later"),
        (refused("ValidationException"), "Correct that, and type the same command again"),
        (ParamValidationError(report="Unknown parameter"), "Correct that, and type the same command again"),
    ],
    ids=lambda value: (getattr(value, "response", None) or {}).get("Error", {}).get("Code", type(value).__name__),
)
def test_an_error_of_aws_comes_with_what_to_do(
    ends: Callable[[BaseException], tuple[object, str]], error: Exception, advice: str
) -> None:
    code, shown = ends(error)
    assert code == 1
    assert shown.startswith(f"error: {error}. ")
    assert advice in shown


def test_a_mistake_of_ours_keeps_its_traceback(ends: Callable[[BaseException], tuple[object, str]]) -> None:
    with pytest.raises(ZeroDivisionError):
        ends(ZeroDivisionError())


@pytest.mark.parametrize("arguments", [["--no-such-option"], ["no-such-command"], ["local", "stop", "--port", "0"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--version"])
    assert (exit_.value.code, capsys.readouterr().out.split()[0]) == (0, "tributary")


def test_what_this_machine_refuses_is_one_line(ends: Callable[[BaseException], tuple[object, str]]) -> None:
    code, told = ends(PermissionError(13, "Permission denied", "/srv/checkout/.tributary/clouds"))
    assert (code, told.count("\n")) == (1, 1)
    assert told.startswith("error: /srv/checkout/.tributary/clouds: Permission denied. Whoever types this must be")
