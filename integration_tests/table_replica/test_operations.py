"""Pause, verify, redrive, backfill and replay a deployed replica, with the commands that an operator types."""

import io
import json
from pathlib import Path

import pytest

from integration_tests.support.factories import objects
from integration_tests.support.typing_commands import Tributary, typed_in
from integration_tests.table_replica.deployed import Deployed, Eventually, keys, request_item
from localcloud.faults import Faults
from operations import replaying
from operations.errors import OperationError
from operations.instruments import holding
from operations.instruments.items import key_of
from operations.instruments.mappings import mappings
from operations.instruments.rates import RateLimit
from operations.table_replica import backfilling, checkpoints, logfile

pytestmark = pytest.mark.local


class Typed(io.StringIO):
    """What somebody types at a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def tributary(workshop: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tributary:
    return typed_in(workshop.engine, monkeypatch, capsys)


def test_a_generated_file_is_loaded_and_verified(workshop: Deployed, tributary: Tributary, tmp_path: Path) -> None:
    file, rows = tmp_path / "logfile.csv", workshop.many(2000)
    assert tributary("sample", str(file), "--rows", f"{rows}", "--seed", "5")[0] == 0
    with file.open("a") as more:
        more.write("x,1.2.3.4,2009-07-21,1,GMT,GET,/,200,5,agent\n")

    code, _, error = tributary("load", str(file), "--table", "logfile", "--stack", "workshop")
    assert code == 1
    assert f"line {rows + 2}: the column requestid is 'x', which is no number" in error

    code, out, error = tributary("load", str(file), "--table", "logfile", "--stack", "workshop", "--on-error", "skip")
    assert code == 0
    assert out.startswith(f"RowCount: {rows}, Total seconds: ")
    assert f"{file}:{rows + 2}: the column requestid is 'x'" in error

    code, out, _ = tributary("verify", "workshop", "--json", "--settle", f"{5 * workshop.patience:g}")
    report = json.loads(out)
    assert code == 0
    assert report["equal"] is True
    assert report["sourceItems"] >= rows


def test_rows_that_the_table_refuses_are_skipped_alone(
    workshop: Deployed, tributary: Tributary, tmp_path: Path
) -> None:
    good = list(logfile.generate(60, seed=6))
    for row in good:
        row["requestid"] = str(30_000 + int(row["requestid"]))
    good[10]["useragent"] = 'said "hello",\r\nand went on ' * 8_000  # 200,000 characters
    refused = [
        {"bytessent": "9" * 39},
        {"bytessent": "1e400"},
        {"requestid": "7".rjust(2100, "0")},
        {"useragent": "x" * 502_000},
    ]
    bad = [{**good[0], **changed} for changed in refused]
    file = tmp_path / "people's.csv"
    with file.open("w", newline="", encoding="utf-8-sig") as opened:
        logfile.write(opened, [*good[:30], *bad, *good[30:]])
    first = 30 + 1 + 8_000 + 1  # the header, and the lines within the long field

    code, out, error = tributary("load", str(file), "--table", "logfile", "--stack", "workshop", "--on-error", "skip")
    assert (code, out.startswith("RowCount: 60, ")) == (0, True)
    assert "Skipped: 4" in error
    for line in range(first, first + 4):
        assert f"{file}:{line}: table `logfile` refuses it: " in error

    table = workshop.replica.source
    found = table.get(key_of({"PK": {"S": f"request#{row['requestid']}"}}, ["PK"]) for row in good)
    assert sorted(found.values(), key=str) == sorted((logfile.item_of(row) for row in good), key=str)
    assert workshop.verify().equal


def test_a_second_up_changes_nothing_and_a_refresh_finds_no_drift(workshop: Deployed) -> None:
    for command in ("up", "refresh"):
        workshop.engine.run([command, "--yes", "--skip-preview", "--expect-no-changes", "--stack", "workshop"])


def test_what_differs_is_named_and_values_are_shown_on_request_only(workshop: Deployed, tributary: Tributary) -> None:
    for number in (1, 2, 3):
        workshop.put(request_item(50_000 + number, bytessent={"N": "1"}))
    assert workshop.verify().equal
    replica = workshop.replica.replica
    far = workshop.far.dynamodb
    far.delete_item(TableName=replica.name, Key={"PK": {"S": "request#50001"}})
    replica.dynamodb.put_item({"TableName": replica.name, "Item": request_item(50_002, bytessent={"S": "1"})})
    replica.dynamodb.put_item({"TableName": replica.name, "Item": request_item(50_009)})

    code, out, error = tributary("verify", "workshop", "--json", "--settle", "0.5")
    report = json.loads(out)
    assert code == 1
    assert "`tributary repair workshop` writes what is missing or differs" in error
    assert "`tributary repair workshop` removes what is extra" in error
    assert report["missing"] == [{"PK": {"S": "request#50001"}}]
    assert report["extra"] == [{"PK": {"S": "request#50009"}}]
    assert report["differing"] == [{"key": {"PK": {"S": "request#50002"}}, "attributes": ["bytessent"]}]

    _, out, _ = tributary("verify", "workshop", "--json", "--settle", "0.5", "--values")
    assert json.loads(out)["differing"][0]["replica"]["bytessent"] == {"S": "1"}

    code, out, shown = tributary("repair", "workshop", "--yes", "--json", "--settle", "0.5")
    repaired = json.loads(out)
    assert (code, repaired["written"], repaired["removed"], repaired["refused"]) == (0, 2, 1, [])
    assert repaired["found"]["missing"] == report["missing"]
    assert "The stream is held meanwhile" in shown
    assert holding.state(workshop.replica.lambda_, workshop.replica.mapping_id) == "Enabled"
    assert workshop.verify(settle_s=0).equal
    assert workshop.equal()


def test_what_no_stream_holds_any_more_is_told_at_once_and_repaired(
    workshop: Deployed, tributary: Tributary, eventually: Eventually
) -> None:
    """The source's stream is switched off, the source is changed, and the stream is switched on again."""
    dynamodb, table = workshop.clients.dynamodb, workshop.replica.source.name
    for number in (1, 2):
        workshop.put(request_item(55_000 + number, v={"S": "before"}))
    assert workshop.verify().equal
    old = workshop.stream_arn()
    dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    assert "has no stream now" in tributary("verify", "workshop", "--settle", "0")[2]
    workshop.put(request_item(55_001, v={"S": "while it was off"}))
    workshop.delete("request#55002")
    workshop.put(request_item(55_003))
    on = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    dynamodb.update_table(TableName=table, StreamSpecification=on)

    code, out, told = tributary("verify", "workshop", "--json", "--settle", "0.5")
    report = json.loads(out)
    assert (code, len(report["missing"]), len(report["extra"]), len(report["differing"])) == (1, 1, 1, 1)
    [why] = report["streams"]
    assert f"reads {old}, which was switched off: the stream of `logfile` is {workshop.stream_arn()} now" in why
    assert "Type `tributary up workshop --refresh`" in told
    assert "`tributary repair workshop` removes what is extra" in told

    workshop.engine.run(["up", "--yes", "--skip-preview", "--refresh", "--stack", "workshop"])
    workshop.find_mapping()
    workshop.put(request_item(55_004))
    assert tributary("repair", "workshop", "--yes", "--settle", "1")[0] == 0
    assert tributary("verify", "workshop", "--settle", "1")[0] == 0
    workshop.put(request_item(55_005))
    assert workshop.verify().equal
    assert workshop.equal()


def test_athena_says_what_scans_say_and_shows_what_it_takes(
    workshop: Deployed, tributary: Tributary, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40_000, 40_010):
        workshop.put(request_item(number, bytessent={"N": "1"}))
    assert workshop.verify().equal
    replica, far = workshop.replica.replica, workshop.far.dynamodb
    far.delete_item(TableName=replica.name, Key={"PK": {"S": "request#40001"}})
    replica.dynamodb.put_item({"TableName": replica.name, "Item": request_item(40_002, bytessent={"S": "1"})})
    replica.dynamodb.put_item({"TableName": replica.name, "Item": request_item(40_099)})

    monkeypatch.setattr("sys.stdin", Typed("n\n"))
    code, out, shown = tributary("verify", "workshop", "--engine", "athena", "--json")
    assert (code, out.strip(), "Aborted" in shown) == (1, "", True)
    assert "GB of `logfile`" in shown
    assert "US dollars at most" in shown
    code, _, shown = tributary("verify", "workshop", "--engine", "athena", "--segments", "4")
    assert (code, "leave them out" in shown) == (2, True)

    reports = []
    for engine in ("athena", "local"):
        command = ("verify", "workshop", "--engine", engine, "--yes", "--json", "--values", "--settle", "0.5")
        code, out, shown = tributary(*command)
        assert code == 1
        assert "tributary repair workshop" in shown
        made = ("segments", "differingSegments", "readUnits", "seconds")
        reports.append({name: value for name, value in json.loads(out).items() if name not in made})
    assert reports[0] == reports[1]
    assert reports[0]["missing"] == [{"PK": {"S": "request#40001"}}]
    assert reports[0]["extra"] == [{"PK": {"S": "request#40099"}}]
    assert [one["attributes"] for one in reports[0]["differing"]] == [["bytessent"]]

    for number in range(40_000, 40_010):
        workshop.delete(f"request#{number}")
    far.delete_item(TableName=replica.name, Key={"PK": {"S": "request#40099"}})
    assert workshop.verify().equal


def test_a_pause_holds_changes_through_deployments_and_a_resume_brings_them(
    workshop: Deployed, tributary: Tributary
) -> None:
    assert tributary("pause", "workshop", "--yes")[0] == 0
    try:
        for number in range(60_000, 60_030):
            workshop.put(request_item(number))
        # A refresh takes notice of the pause, and neither that nor a change to the mapping ends it.
        engine, size = workshop.engine, 'tributary:architectures["logfile"].replicator.batchSize'
        engine.run(["refresh", "--yes", "--skip-preview", "--stack", "workshop"])
        engine.run(["config", "set", "--stack", "workshop", "--path", size, "90"])
        engine.up("workshop")
        mapping = workshop.replica.lambda_.get_event_source_mapping(UUID=workshop.replica.mapping_id)
        assert (mapping["State"], mapping["BatchSize"]) == ("Disabled", 90)
        held = workshop.verify(settle_s=1)
    finally:
        assert tributary("resume", "workshop", "--yes")[0] == 0
    assert set(held.missing) == {f'[{{"S":"{key}"}}]' for key in keys(range(60_000, 60_030))}
    assert workshop.verify().equal


def test_what_was_given_up_is_redriven_and_nothing_newer_is_lost(
    workshop: Deployed, faults: Faults, tributary: Tributary
) -> None:
    items = [request_item(number, v={"S": "early"}) for number in range(70_000, 70_020)]
    for item in items:
        workshop.put(item)
    assert workshop.verify().equal
    # As if the age of the records had been over before the far end came back.
    for item in items:
        workshop.far.dynamodb.delete_item(TableName=workshop.replica.replica.name, Key={"PK": item["PK"]})
    workshop.give_up(items)

    with faults.crash(resource=workshop.replica.function):
        # Everything stays where it is, with the reason.
        code, out, error = tributary("redrive", "workshop", "--yes")
    assert code == 1
    assert "left where it is: the function failed: " in out
    assert "cannot be applied yet" in error
    assert len(workshop.failed_records()) == 20
    code, out, error = tributary("verify", "workshop", "--json", "--settle", "0.5")
    where = f"s3://{workshop.replica.failure_bucket}/aws/lambda/a-mapping/batch"
    assert [one["where"] for one in json.loads(out)["failed"]] == [where] * 20
    assert "`tributary redrive workshop` applies again what failed" in error

    # Newer versions reach the replica before the old ones are redriven.
    workshop.put(request_item(70_000, v={"S": "late"}))
    workshop.delete("request#70001")
    workshop.put(request_item(70_002, v={"S": "late"}))
    report = workshop.verify(settle_s=2)
    assert set(report.missing) == {f'[{{"S":"{key}"}}]' for key in keys(range(70_003, 70_020))}

    code, out, _ = tributary("redrive", "workshop", "--yes")
    assert (code, out.count(" 20 records applied\n")) == (0, 1)
    assert workshop.verify().equal
    assert workshop.equal()
    assert workshop.failed_records() == []
    assert objects(workshop.clients.s3, workshop.replica.failure_bucket, "redriven/")
    assert tributary("redrive", "workshop", "--yes")[1] == "Nothing to redrive.\n"


def test_a_replay_from_the_horizon_leaves_the_replica_as_it_was(workshop: Deployed, eventually: Eventually) -> None:
    workshop.put(request_item(80_001, v={"S": "1"}))
    workshop.put(request_item(80_001, v={"S": "2"}))
    assert workshop.verify().equal

    replaying.replay(workshop.engine, "workshop", mappings(workshop.engine, "workshop", None))
    workshop.find_mapping()
    workshop.put(request_item(80_002))
    assert workshop.verify(settle_s=15).equal
    assert workshop.equal()


def test_a_backfill_that_was_stopped_goes_on_while_the_source_changes(workshop: Deployed) -> None:
    workshop.load(workshop.many(1500), seed=12)
    assert workshop.verify().equal
    replica, source = workshop.replica.replica, workshop.replica.source
    deletes = [{"DeleteRequest": {"Key": {"PK": item["PK"]}}} for item in workshop.items(replica).values()]
    for start in range(0, len(deletes), 25):
        workshop.far.dynamodb.batch_write_item(RequestItems={replica.name: deletes[start : start + 25]})

    pages = 0

    def stop_early(written: int, kept: int) -> None:
        nonlocal pages
        pages += 1
        # The source changes while its rows are being copied.
        workshop.put(request_item(90_000 + pages))
        workshop.delete(f"request#{pages}")
        if pages >= 2:
            raise OperationError("stopped by the test")

    with pytest.raises(OperationError, match="stopped by the test"):
        backfilling.backfill(workshop.replica, RateLimit(None), RateLimit(None), stop_early)
    left = checkpoints.load(workshop.replica.s3, workshop.replica.failure_bucket)
    assert left is not None
    assert left.scan is not None
    assert left.scan.tally.written > 0

    done = backfilling.backfill(workshop.replica, RateLimit(None), RateLimit(None), lambda written, kept: None)
    assert done.written + done.kept >= source.item_count - 10
    assert checkpoints.load(workshop.replica.s3, workshop.replica.failure_bucket) is None
    assert holding.state(workshop.replica.lambda_, workshop.replica.mapping_id) == "Enabled"
    assert workshop.verify().equal
    assert workshop.equal()
