"""Deploys both sides, puts records into the stream, and compares every item of the table and every line in S3."""

import json

import pytest

from integration_tests.cross_account_copy.copy import EQUAL, Copy, Eventually, clicks
from integration_tests.support import alarms
from integration_tests.support.addressing import Clients
from integration_tests.support.typing_commands import typed_in
from localcloud.faults import Faults
from operations import replaying
from operations.instruments.mappings import mappings

pytestmark = pytest.mark.local


def test_every_record_arrives_in_the_table_and_in_the_bucket(copy: Copy, eventually: Eventually) -> None:
    copy.put(clicks(1000, seed=1))

    eventually(copy.table_difference, equals=EQUAL, timeout=60)
    eventually(copy.lake_difference, equals=EQUAL, timeout=60)


def test_a_poison_record_is_kept_whole_and_blocks_nobody(copy: Copy, eventually: Eventually) -> None:
    poison = b'{"not": JSON' + b"\xff"
    copy.put(clicks(200, seed=2))
    copy.put_poison(poison)
    copy.put(clicks(200, seed=3))

    eventually(copy.table_difference, equals=EQUAL, timeout=60)
    eventually(lambda: poison in copy.failed_source_records(), timeout=60)
    eventually(copy.lake_difference, equals=EQUAL, timeout=60)
    assert set(copy.failed_source_records()) <= {poison, b"[1, 2]"}


def test_a_record_that_is_no_object_waits_in_the_on_failure_bucket(copy: Copy, eventually: Eventually) -> None:
    copy.put_poison(b"[1, 2]")

    eventually(lambda: b"[1, 2]" in copy.failed_source_records(), timeout=60)
    assert copy.table_difference() == EQUAL


def test_replaying_the_stream_leaves_the_table_as_it_was(copy: Copy, eventually: Eventually) -> None:
    copy.put(clicks(300, seed=4))
    eventually(copy.table_difference, equals=EQUAL, timeout=60)
    before = copy.prod.lambda_.list_event_source_mappings(FunctionName=copy.source["copierName"])

    replaying.replay(copy.engine, "prod", mappings(copy.engine, "prod", None))

    after = copy.prod.lambda_.list_event_source_mappings(FunctionName=copy.source["copierName"])
    assert [one["UUID"] for one in after["EventSourceMappings"]] != [
        one["UUID"] for one in before["EventSourceMappings"]
    ]
    copy.put(clicks(1, seed=5))
    eventually(copy.table_difference, equals=EQUAL, timeout=60)


def test_verify_finds_what_failed_and_nothing_else(
    copy: Copy, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = typed_in(copy.engine, monkeypatch, capsys)("verify", "prod", "--json")
    report = json.loads(out)
    # Those of the replay are the same records once more.
    failed = len(set(copy.failed_source_records()))
    assert (code, report["equal"], report["lake"]["equal"]) == (int(failed > 0), failed == 0, True)
    assert len(report["stream"]["failed"]) == failed
    assert report["stream"]["sourceItems"] == len(copy.expected) + failed
    assert [report["stream"][kind] for kind in ("missing", "extra", "differing", "foreign")] == [[], [], [], []]


def test_function_logs_hold_counts_and_no_payload(copy: Copy, eventually: Eventually) -> None:
    [secret] = copy.put(clicks(1, seed=6))
    eventually(copy.table_difference, equals=EQUAL, timeout=60)

    group = f"/aws/lambda/{copy.source['copierName']}"
    lines = eventually(lambda: copy.prod.logs.filter_log_events(logGroupName=group)["events"], timeout=20)
    text = "\n".join(line["message"] for line in lines)
    assert json.loads(secret.record.data)["useremail_"] not in text


def test_poison_and_a_bucket_that_takes_nothing_raise_their_alarms(
    copy: Copy, faults: Faults, eventually: Eventually
) -> None:
    def on(side: Clients) -> set[str]:
        found = alarms.states(side).items()
        return {name.removeprefix("tributary-web-analytics-") for name, state in found if state == "ALARM"}

    copy.put_poison(b"no JSON")
    eventually(lambda: on(copy.prod), until=lambda found: "copier-poisoned" in found, timeout=60)

    lake = {"service": "s3", "operation": "PutObject", "resource": f"{copy.target['bucketName']}/*"}
    with alarms.changed(copy.poc, "tributary-web-analytics-delivery-freshness", threshold=1):
        with faults.deny(**lake):
            copy.put(clicks(1, seed=7))
            eventually(lambda: on(copy.poc), until=lambda found: "delivery-success" in found, timeout=60)
        eventually(copy.lake_difference, equals=EQUAL, timeout=60)
        eventually(lambda: on(copy.poc), until=lambda found: "delivery-freshness" in found, timeout=60)
