"""The replicator as Lambda runs it, against a fake of DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from fake_aws import FakeContext, Partly, Refusal, Timeout
from fake_replica import POSITIONS, REPLICA, FakeReplica, Write, failed_at, number, stream_event
from stream_events import DONE

from handlers.shared.errors import SettingsError

pytestmark = pytest.mark.pure

MODES = ["unguarded", "guarded"]
OPERATION = {"unguarded": "BatchWriteItem", "guarded": "TransactWriteItems"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeReplica:
    fake = FakeReplica()
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _session, request: fake.send(request))
    monkeypatch.setattr("handlers.shared.time_budget.BASE_DELAY_S", 0.0)
    return fake


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def replicator(mode: str, load: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("ROLE_ARN", "POSITIONS_TABLE", "REPLICA_REGION", "TOMBSTONE_DAYS"):
        monkeypatch.delenv(name, raising=False)
    guard = {"POSITIONS_TABLE": POSITIONS} if mode == "guarded" else {}
    return load("table_replicator", REPLICA_TABLE=REPLICA, **guard)


def put(key: str, **attributes: Any) -> Write:
    return key, {name: {"S": str(value)} for name, value in attributes.items()}


def delete(key: str) -> Write:
    return key, None


def held(aws: FakeReplica) -> list[dict[str, Any]]:
    return sorted(aws.replica().values(), key=lambda item: item["PK"]["S"])


def test_puts_and_deletes_are_applied_with_every_attribute(aws: FakeReplica, replicator: ModuleType) -> None:
    odd = {"raw": {"B": "AAEC"}, "n": {"N": "1.50"}, "set": {"SS": ["x", "ü"]}, "m": {"M": {"n": {"NULL": True}}}}
    event = stream_event([("a", odd), put("b", v=1), put("c", v=1), delete("b"), put("c", v=2)])

    assert replicator.handler(event, FakeContext()) == DONE
    assert held(aws) == [{"PK": {"S": "a"}, **odd}, {"PK": {"S": "c"}, "v": {"S": "2"}}]


def test_the_last_change_of_a_key_is_the_only_one_written(aws: FakeReplica, replicator: ModuleType, mode: str) -> None:
    event = stream_event([put(f"k{index % 20}", v=index) for index in range(100)])

    assert replicator.handler(event, FakeContext()) == DONE
    assert [item["v"]["S"] for item in aws.replica().values()] == [str(index) for index in range(80, 100)]
    assert len(aws.called(OPERATION[mode])) == 1


def test_what_is_throttled_unprocessed_or_unanswered_is_sent_again(
    aws: FakeReplica, replicator: ModuleType, mode: str
) -> None:
    throttled = Refusal("ProvisionedThroughputExceededException")
    aws.script(OPERATION[mode], throttled, Partly((0, 3, 7)), Timeout(), Refusal("InternalServerError", 500))
    event = stream_event([put(f"k{index}", v=index) for index in range(60)] + [delete("k5")])

    assert replicator.handler(event, FakeContext()) == DONE
    assert {item["PK"]["S"] for item in held(aws)} == {f"k{index}" for index in range(60)} - {"k5"}


def test_a_refused_item_is_set_aside_and_the_others_are_there(aws: FakeReplica, replicator: ModuleType) -> None:
    aws.invalid = lambda item: item.get("v") == {"S": "bad"}
    writes = [put(f"k{index}", v=index) for index in range(40)]
    event = stream_event([*writes, put("poison", v="bad"), put("later", v=1)])

    assert replicator.handler(event, FakeContext()) == DONE
    assert {item["PK"]["S"] for item in held(aws)} == {f"k{index}" for index in range(40)} | {"later"}
    [(name, kept)] = aws.poison().items()
    assert (name, kept["errorKind"]) == (number(40), "refused")
    assert json.loads(kept["payload"]) == {"Records": [event["Records"][40]]}


def test_a_refused_version_does_not_take_the_good_one_before_it_along(aws: FakeReplica, replicator: ModuleType) -> None:
    """Only the last change of a key is written; when that is refused, the last good one has to be."""
    aws.invalid = lambda item: item.get("v") == {"S": "bad"}
    good = [put("a", v="older"), put("a", v="good"), put("b", v=1), delete("c")]
    event = stream_event([*good, put("a", v="bad"), put("d", v=1), put("e", v="bad"), put("a", v="bad")])

    assert replicator.handler(event, FakeContext()) == DONE
    assert {item["PK"]["S"]: item["v"]["S"] for item in held(aws)} == {"a": "good", "b": "1", "d": "1"}
    assert sorted(aws.poison()) == [number(4), number(6), number(7)]


def test_a_record_without_its_new_image_names_the_view_type(aws: FakeReplica, replicator: ModuleType) -> None:
    event = stream_event([put("a", v=1), put("b", v=1), put("c", v=1)])
    del event["Records"][1]["dynamodb"]["NewImage"]

    assert replicator.handler(event, FakeContext()) == DONE
    assert [item["PK"]["S"] for item in held(aws)] == ["a", "c"]
    [kept] = aws.poison().values()
    assert "NEW_IMAGE" in kept["reason"]


@pytest.mark.parametrize("part", ["eventName", "dynamodb", "eventID"])
def test_a_record_that_lacks_a_part_holds_up_nobody(aws: FakeReplica, replicator: ModuleType, part: str) -> None:
    event = stream_event([put("a", v=1), put("b", v=1)])
    del event["Records"][0][part]
    assert replicator.handler(event, FakeContext()) == DONE
    names = [item["PK"]["S"] for item in held(aws)]
    assert (names, len(aws.poison())) == ((["a", "b"], 0) if part == "eventID" else (["b"], 1))


@pytest.mark.parametrize("part", ["ApproximateCreationDateTime", "SizeBytes", "OldImage", "StreamViewType"])
def test_what_is_optional_in_a_change_may_be_missing(aws: FakeReplica, replicator: ModuleType, part: str) -> None:
    event = stream_event([put("a", v=1), delete("a"), put("b", v=1)])
    for record in event["Records"]:
        record["dynamodb"].pop(part, None)
    assert replicator.handler(event, FakeContext()) == DONE
    assert ([item["PK"]["S"] for item in held(aws)], aws.objects) == (["b"], {})


def test_without_permission_everything_waits(aws: FakeReplica, replicator: ModuleType, mode: str) -> None:
    aws.broken[OPERATION[mode]] = Refusal("AccessDeniedException")
    event = stream_event([put("a", v=1), put("b", v=1)])

    assert replicator.handler(event, FakeContext(0.2)) == failed_at(0)
    assert held(aws) == []
    aws.broken.clear()
    assert replicator.handler(event, FakeContext()) == DONE
    assert (len(held(aws)), aws.objects) == (2, {})


def test_poison_before_and_behind_an_outage_is_set_aside_when_its_turn_comes(
    aws: FakeReplica, replicator: ModuleType, mode: str
) -> None:
    event = stream_event([put("a", v=1), put("b", v=1), put("c", v=1), put("d", v=1)])
    for index in (0, 2):
        del event["Records"][index]["dynamodb"]["NewImage"]
    aws.broken[OPERATION[mode]] = Refusal("AccessDeniedException")

    assert replicator.handler(event, FakeContext(0.2)) == failed_at(1)
    assert [*aws.poison()] == [number(0)]
    aws.broken.clear()
    assert replicator.handler({"Records": event["Records"][1:]}, FakeContext()) == DONE
    assert sorted(aws.poison()) == [number(0), number(2)]
    assert [item["PK"]["S"] for item in held(aws)] == ["b", "d"]


@pytest.mark.parametrize("mode", ["guarded"], indirect=True)
@pytest.mark.parametrize(
    "throttled", [None, Refusal("ProvisionedThroughputExceededException")], ids=["cancelled", "refused"]
)
def test_a_transaction_that_the_table_has_no_capacity_for_is_made_smaller(
    aws: FakeReplica, replicator: ModuleType, throttled: Refusal | None
) -> None:
    """On five write units a transaction of fifty items never passes, and one of one item does."""
    aws.most_actions = (8, throttled)
    event = stream_event([put(f"k{index}", v=index) for index in range(120)])

    assert replicator.handler(event, FakeContext()) == DONE
    assert len(held(aws)) == 120


@pytest.mark.parametrize("mode", ["guarded"], indirect=True)
@pytest.mark.parametrize("name", ["position", "expires", "position_"])
def test_the_keys_of_a_guarded_replica_may_be_called_like_what_we_keep_beside_them(
    aws: FakeReplica, replicator: ModuleType, name: str
) -> None:
    aws.keys = ("stream", name)
    newer = stream_event([("k", {"v": {"S": "2"}}), ("gone", None)], aws.keys, first=10)
    older = stream_event([("k", {"v": {"S": "1"}}), ("gone", {"v": {"S": "1"}})], aws.keys)

    assert replicator.handler(newer, FakeContext()) == DONE
    assert replicator.handler(older, FakeContext()) == DONE
    [item] = aws.replica().values()
    assert item["v"] == {"S": "2"}
    assert aws.objects == {}


@pytest.mark.parametrize("mode", MODES, indirect=True)
def test_keys_of_two_attributes_and_of_any_type(aws: FakeReplica, replicator: ModuleType) -> None:
    aws.keys = ("id", "at")
    event = stream_event([], ())
    for index in range(30):
        key = {"id": {"B": "AAE="}, "at": {"N": str(index)}}
        [record] = stream_event([("x", {**key, "v": {"S": "1"}})], (), index)["Records"]
        record["dynamodb"]["Keys"] = key
        event["Records"].append(record)
    aws.script("BatchWriteItem", Partly((2, 9)))

    assert replicator.handler(event, FakeContext()) == DONE
    assert len(aws.replica()) == 30


def test_expired_credentials_are_renewed_in_the_middle(
    aws: FakeReplica, load: Callable[..., ModuleType], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = {"POSITIONS_TABLE": POSITIONS} if mode == "guarded" else {}
    role = "arn:aws:iam::999999999999:role/DDBReplicationWriter"
    replicator = load(
        "table_replicator", REPLICA_TABLE=REPLICA, ROLE_ARN=role, REPLICA_REGION="eu-central-1",
        EXTERNAL_ID="raven-1", **guard,
    )  # fmt: skip
    aws.script(OPERATION[mode], None, Refusal("ExpiredTokenException"))
    event = stream_event([put(f"k{index}", v=index) for index in range(120)])

    assert replicator.handler(event, FakeContext()) == DONE
    assert len(held(aws)) == 120
    assumed = aws.called("AssumeRole")
    assert len(assumed) == 2
    assert assumed[0]["RoleArn"] == role
    assert assumed[0]["ExternalId"] == "raven-1"


def test_a_wrong_environment_names_the_variable(load: Callable[..., ModuleType]) -> None:
    with pytest.raises(SettingsError, match="REPLICA_TABLE is not set"):
        load("table_replicator", REPLICA_TABLE="")
    with pytest.raises(SettingsError, match="ROLE_ARN is 'admin'"):
        load("table_replicator", REPLICA_TABLE=REPLICA, ROLE_ARN="admin")
    with pytest.raises(SettingsError, match="TOMBSTONE_DAYS is '0'"):
        load("table_replicator", REPLICA_TABLE=REPLICA, ROLE_ARN="", TOMBSTONE_DAYS="0")


@pytest.mark.parametrize("mode", ["guarded"], indirect=True)
def test_a_late_batch_changes_nothing_that_is_newer(
    aws: FakeReplica, replicator: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    early = [put("a", v="old"), put("b", v="old"), put("c", v="first")]
    replicator.handler(stream_event([put("a", v="new"), delete("b")], first=10), FakeContext())
    capsys.readouterr()

    assert replicator.handler(stream_event(early), FakeContext()) == DONE
    assert held(aws) == [{"PK": {"S": "a"}, "v": {"S": "new"}}, {"PK": {"S": "c"}, "v": {"S": "first"}}]
    line = json.loads(capsys.readouterr().out)
    assert (line["Written"], line["Skipped"]) == (1, 2)


@pytest.mark.parametrize("mode", ["guarded"], indirect=True)
def test_a_new_stream_of_the_table_is_newer_than_the_old_one(aws: FakeReplica, replicator: ModuleType) -> None:
    """Sequence numbers of a stream that was turned off and on again need not go on where they were."""
    replicator.handler(stream_event([put("a", v="old")], first=500), FakeContext())
    event = stream_event([put("a", v="new")], first=3)
    event["Records"][0]["eventSourceARN"] = event["Records"][0]["eventSourceARN"].replace("2026-11-22", "2026-11-23")

    assert replicator.handler(event, FakeContext()) == DONE
    assert held(aws) == [{"PK": {"S": "a"}, "v": {"S": "new"}}]


@pytest.mark.parametrize("mode", ["guarded"], indirect=True)
def test_only_the_positions_of_removed_items_expire(aws: FakeReplica, replicator: ModuleType) -> None:
    replicator.handler(stream_event([put("a", v=1), put("b", v=1), delete("b")]), FakeContext())
    positions = {item["PK"]["S"]: "expires" in item for item in aws.tables[POSITIONS].values()}
    assert positions == {"a": False, "b": True}
