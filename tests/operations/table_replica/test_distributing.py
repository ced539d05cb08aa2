"""What a backfill tells before it starts, what it gives the state machine, and what it reads back."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from operations.errors import OperationError
from operations.instruments import distributing
from operations.instruments.distributing import Counts, Execution
from operations.instruments.exporting import Export
from operations.table_replica import copying_files, estimating
from operations.table_replica.estimating import Work

pytestmark = pytest.mark.pure

MACHINE = "arn:aws:states:eu-west-1:444444444444:stateMachine:ddbreplica_lambda-backfill"
EXPORT = Export("arn:x/export/01-a", "exports", "exports/AWSDynamoDB/01-a/manifest-summary.json", 10, 100)


def test_an_execution_is_given_where_files_and_places_are_and_what_the_function_gets_besides() -> None:
    given = distributing.request(EXPORT, "backfill/01-a", 4, keys=["id", "at"])
    assert given == {
        "bucket": "exports",
        "manifest": "exports/AWSDynamoDB/01-a/manifest-files.json",
        "folder": "backfill/01-a",
        "results": "backfill/01-a/results",
        "keys": ["id", "at"],
        "concurrency": 4,
    }


def test_the_bound_of_capacity_is_divided_among_the_files_that_are_written_at_once() -> None:
    assert copying_files.passed_on(["id"], 4, 100.0) == {"keys": ["id"], "writeUnits": 25.0}
    assert copying_files.passed_on(["id"], 4, None)["writeUnits"] is None


def test_an_execution_is_known_by_its_name() -> None:
    assert distributing.execution_arn(MACHINE, "01-a-1") == (
        "arn:aws:states:eu-west-1:444444444444:execution:ddbreplica_lambda-backfill:01-a-1"
    )


class Machine:
    """Step Functions with an execution that ends at the third look."""

    def __init__(self) -> None:
        self.looks = 0

    class exceptions:  # noqa: N801 - as botocore names it
        ExecutionDoesNotExist = KeyError

    def describe_execution(self, executionArn: str) -> Any:  # noqa: N803
        self.looks += 1
        return {"status": "RUNNING" if self.looks < 3 else "SUCCEEDED", "output": "{}"}

    def list_map_runs(self, executionArn: str) -> Any:  # noqa: N803
        return {"mapRuns": [{"mapRunArn": "run"}] if self.looks > 1 else []}

    def describe_map_run(self, mapRunArn: str) -> Any:  # noqa: N803
        return {"itemCounts": {"total": 9, "succeeded": self.looks, "failed": 1, "timedOut": 1, "aborted": 0}}


def test_an_execution_is_watched_less_and_less_often() -> None:
    seen: list[Counts] = []
    waits: list[float] = []
    ended = distributing.follow(Machine(), "arn", seen.append, sleep=waits.append)  # type: ignore[arg-type]
    assert ended.status == "SUCCEEDED"
    assert seen == [Counts(9, 2, 2), Counts(9, 3, 2)]
    assert waits == sorted(waits)
    assert waits[0] == 0.2


def test_failed_files_are_read_from_the_results() -> None:
    children = [
        {"Input": '{"file":"a.json.gz"}', "Error": "BackfillError", "Cause": '{"errorMessage":"a: line 3 is wrong"}'},
        {"Input": '{"file":"b.json.gz"}', "Error": "States.Timeout", "Cause": ""},
    ]
    manifest = {"DestinationBucket": "exports", "ResultFiles": {"FAILED": [{"Key": "FAILED_0.json"}], "SUCCEEDED": []}}
    stored = {"manifest.json": manifest, "FAILED_0.json": children}

    class S3:
        def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
            assert Bucket == "exports"
            return {"Body": io.BytesIO(json.dumps(stored[Key]).encode())}

    output = json.dumps({"ResultWriterDetails": {"Bucket": "exports", "Key": "manifest.json"}})
    failed = distributing.failed_files(S3(), Execution("SUCCEEDED", 0.0, output, None))  # type: ignore[arg-type]
    assert failed == {"a.json.gz": "a: line 3 is wrong", "b.json.gz": "States.Timeout: "}


GB = 10**9


@pytest.mark.parametrize(
    ("guarded", "units"),
    [(False, 1_000_000 * 2), (True, 1_000_000 * (4 + 1))],
)
def test_write_units_count_the_table_its_indexes_and_the_guard(guarded: bool, units: int) -> None:
    work = Work(1_000_000, GB, indexes=1, guarded=guarded, on_demand=True, bound=None)
    assert work.write_units == units
    assert work.seconds is None


def test_what_it_takes_is_told_with_prices() -> None:
    work = Work(100_000_000, 60 * GB, indexes=0, guarded=False, on_demand=True, bound=None)
    [writes] = estimating.writing(work)
    assert writes == "writes   100000000 items, at most 100000000 write units: about 62.50 US dollars"
    assert list(estimating.exporting(work)) == [
        "export   60 GB, by the GB, see https://aws.amazon.com/dynamodb/pricing/"
    ]
    steps, function = estimating.distributing(work, 10)
    assert steps == ("steps    6 files or more, at most 10 at once, about 453 state transitions: about 0.01 US dollars")
    assert function == "function about 200000 seconds of 0.5 GB: about 1.33 US dollars"


def test_provisioned_capacity_costs_nothing_more_and_bounds_the_time() -> None:
    work = Work(7_200, 7_200, indexes=0, guarded=False, on_demand=False, bound=2.0)
    [writes] = estimating.writing(work)
    assert writes == (
        "writes   7200 items, at most 7200 write units, about 60 minutes at 2 a second: within what is provisioned"
    )


def test_what_takes_longer_than_the_stream_waits_is_refused_unless_guarded() -> None:
    work = Work(1_000_000, GB, indexes=0, guarded=False, on_demand=False, bound=4.0)
    with pytest.raises(OperationError, match="take 69 hours"):
        estimating.check_time(work)
    estimating.check_time(Work(1_000_000, GB, indexes=0, guarded=True, on_demand=False, bound=4.0))
    estimating.check_time(Work(1_000_000, GB, indexes=0, guarded=False, on_demand=False, bound=40.0))
