"""`tributary backfill` as typed: what does not go together, what is told, and what Ctrl-C leaves behind."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from fake_exports import ExportWorld
from fake_world import World
from rich.progress import Progress
from typer.testing import CliRunner

from operations.asked import Runner
from operations.cli import app
from operations.errors import OperationError
from operations.table_replica import backfill_command, backfilling_exports, checkpoints
from operations.table_replica.checkpoints import Checkpoint, ExportProgress
from operations.table_replica.estimating import Work

pytestmark = pytest.mark.pure

EXECUTION = "arn:aws:states:eu-west-1:444444444444:execution:ddbreplica_lambda-backfill:01-a-1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--engine", "distributed", "--from", "scan"], "leave out `--from scan`"),
        (["--from", "export", "--read-units", "5"], "leave them out"),
        (["--engine", "distributed", "--segments", "4"], "leave them out"),
        (["--engine", "elsewhere"], "'local', 'distributed'"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: list[str], said: str) -> None:
    answer = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["backfill", "workshop", *arguments])
    assert answer.exit_code == 2
    assert said in " ".join(answer.output.split())


@pytest.fixture
def world() -> ExportWorld:
    world = ExportWorld([("1", 1)], [], [], False)
    world.deployment = dataclasses.replace(world.deployment, bulk=world.bulk)
    return world


def _running(world: World) -> None:
    progress = ExportProgress("token", execution_arn=EXECUTION)
    checkpoints.save(world.deployment.s3, "failures", Checkpoint(True, export=progress))


def test_it_says_what_it_will_do(world: ExportWorld) -> None:
    work = Work(1_000, 1_000_000, indexes=0, guarded=False, on_demand=True, bound=None)
    told = list(backfill_command._intention(world.deployment, work, True, 10, None))
    assert told[0].startswith("About 1000 items of `logfile` to `logfile_replica`. The stream is held meanwhile")
    assert [line.split()[0] for line in told[1:]] == ["writes", "export", "steps", "function"]
    told = list(backfill_command._intention(world.deployment, work, False, None, 40.0))
    assert told[-1] == "reads    by a scan, at most 40 read units a second"


def test_ctrl_c_leaves_the_execution_running_and_says_how_to_come_back(
    world: ExportWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> Any:
        _running(world)
        world.machine.executions[EXECUTION] = "RUNNING"
        raise KeyboardInterrupt

    monkeypatch.setattr(backfilling_exports, "backfill", interrupted)
    with Progress() as progress, pytest.raises(OperationError) as raised:
        backfill_command._from_export(world.deployment, Runner.DISTRIBUTED, None, progress)
    assert str(raised.value) == (
        f"Execution {EXECUTION} goes on; `aws stepfunctions stop-execution --execution-arn {EXECUTION}` stops it. The "
        "same command comes back to it. The replication stays held until the backfill is done."
    )
    assert world.machine.stopped == []


def test_this_machine_does_not_copy_what_an_execution_copies(world: ExportWorld) -> None:
    _running(world)
    world.machine.executions[EXECUTION] = "RUNNING"
    with Progress() as progress, pytest.raises(OperationError, match="`--engine distributed` to watch it"):
        backfill_command._from_export(world.deployment, Runner.LOCAL, None, progress)
    world.machine.executions[EXECUTION] = "SUCCEEDED"
    with Progress() as progress:
        tally = backfill_command._from_export(world.deployment, Runner.LOCAL, None, progress)
    assert tally.written == 1


def test_refused_rows_are_named_on_the_error_output(capsys: pytest.CaptureFixture[str]) -> None:
    from handlers.shared.export_places import Refused, Tally

    assert backfill_command._told_refused(Tally(5, 0)) is None
    refused = [Refused(number, {"PK": {"S": f"käufe-{number}"}}, "no such index") for number in range(30)]
    assert str(backfill_command._told_refused(Tally(5, 0, refused))).startswith("30 rows are refused")
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 20
    assert shown[0] == '{"PK": {"S": "käufe-0"}}: no such index'
