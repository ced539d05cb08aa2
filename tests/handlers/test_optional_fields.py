"""What AWS's own models of stream records call optional may be missing: the record is applied, or set aside alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import botocore.session
import pytest
from fake_aws import FakeAws, FakeContext
from fake_replica import POSITIONS, REPLICA, FakeReplica, stream_event
from stream_events import DONE, json_event

pytestmark = pytest.mark.pure

Load = Callable[..., ModuleType]
Event = dict[str, Any]
SESSION = botocore.session.get_session()


def optional(service: str, shape: str) -> list[str]:
    """The members of a shape that the API does not promise, by its model."""
    model = SESSION.get_service_model(service).shape_for(shape)
    return sorted(set(model.members) - set(model.required_members))


# Lambda writes the API's names with a small first letter. It leaves EncryptionType out by itself.
KINESIS_PATHS = [("kinesis", name[0].lower() + name[1:]) for name in optional("kinesis", "Record")]
TABLE_PATHS = [
    *((name,) for name in optional("dynamodbstreams", "Record")),
    *(("dynamodb", name) for name in optional("dynamodbstreams", "StreamRecord")),
]


def without(event: Event, path: tuple[str, ...]) -> Event:
    """The event whose second record lacks the field."""
    changed: Event = json.loads(json.dumps(event))
    record = changed["Records"][1]
    *folders, name = path
    for folder in folders:
        record = record[folder]
    record.pop(name, None)
    return changed


@pytest.mark.parametrize(
    "path", [*KINESIS_PATHS, ("eventVersion",), ("awsRegion",), ("kinesis", "partitionKey")], ids=".".join
)
@pytest.mark.parametrize("weekly", [False, True], ids=["one table", "weekly"])
def test_the_copier(aws: FakeAws, load: Load, path: tuple[str, ...], weekly: bool) -> None:
    tables = {"WEEKLY_TABLES": '{"2026-W47": "w"}', "OLDER_TABLE": "o"} if weekly else {"TABLE_NAME": "w"}
    copier = load("cross_account_copier", ROLE_ARN="arn:aws:iam::999999999999:role/w", **tables)

    assert copier.handler(without(json_event({"n": 0}, {"n": 1}, {"n": 2}), path), FakeContext()) == DONE

    # Only the time decides something, and only where there is a table for each week.
    poison = weekly and path == ("kinesis", "approximateArrivalTimestamp")
    assert (len(aws.items("w")), len(aws.poison())) == ((2, 1) if poison else (3, 0))


@pytest.mark.parametrize("path", KINESIS_PATHS, ids=".".join)
def test_the_logger(load: Load, path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    event = without(json_event({"n": 0}, {"n": 1}, {"n": 2}), path)
    assert load("stream_logger").handler(event, None) == DONE
    assert len([json.loads(line) for line in capsys.readouterr().out.splitlines()]) == 3


# Without these nothing can be decided of a change; without a number of its own it is known by its eventID.
NEEDED = {("eventName",), ("dynamodb",), ("dynamodb", "NewImage")}
NEEDED_BY_THE_REPLICATOR = {*NEEDED, ("dynamodb", "Keys"), ("dynamodb", "SequenceNumber")}


def changes() -> Event:
    event = stream_event([(f"k{index}", {"at": {"S": str(index)}, "n": {"N": "1"}}) for index in range(3)])
    for record in event["Records"]:
        record |= {"eventVersion": "1.1", "awsRegion": "eu-west-1", "userIdentity": {}}
        record["dynamodb"] |= {"SizeBytes": 10, "StreamViewType": "NEW_AND_OLD_IMAGES", "OldImage": {}}
    return event


@pytest.mark.parametrize("path", TABLE_PATHS, ids=".".join)
@pytest.mark.parametrize("guarded", [False, True], ids=["unguarded", "guarded"])
def test_the_replicator(load: Load, path: tuple[str, ...], guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeReplica()
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _session, request: fake.send(request))
    replicator = load(
        "table_replicator", REPLICA_TABLE=REPLICA, POSITIONS_TABLE=POSITIONS if guarded else "", ROLE_ARN=""
    )

    assert replicator.handler(without(changes(), path), FakeContext()) == DONE
    poison = path in NEEDED_BY_THE_REPLICATOR
    assert (len(fake.replica()), len(fake.poison())) == ((2, 1) if poison else (3, 0))


@pytest.mark.parametrize("path", TABLE_PATHS, ids=".".join)
def test_the_forwarder(aws: FakeAws, load: Load, path: tuple[str, ...]) -> None:
    forwarder = load("firehose_forwarder", DELIVERY_STREAM="d")
    assert forwarder.handler(without(changes(), path), FakeContext()) == DONE
    assert (len(aws.stream), len(aws.poison())) == ((2, 1) if path in NEEDED else (3, 0))


@pytest.mark.parametrize("path", TABLE_PATHS, ids=".".join)
def test_the_click_stream_writer(aws: FakeAws, load: Load, path: tuple[str, ...]) -> None:
    aws.key_names = ("PK", "at")
    writer = load("click_stream_writer", TABLE_NAME="t", HASH_NAME="PK", RANGE_NAME="at")
    assert writer.handler(without(changes(), path), FakeContext()) == DONE
    assert (len(aws.items("t")), len(aws.poison())) == ((2, 1) if path in NEEDED else (3, 0))
