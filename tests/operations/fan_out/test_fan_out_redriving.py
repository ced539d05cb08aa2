"""What targets never took: messages go to their backlogs again, records to the function; what fails again stays."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from fake_platform import STREAM, FakeAws, FakeInstance
from fake_streams import FakeS3

from handlers.fan_out.contract import Message
from handlers.fan_out.failures import Failures
from handlers.fan_out.lanes import LaneId
from handlers.shared.poison import Poison
from operations.dialogue import Dialogue, Result
from operations.errors import OperationError
from operations.fan_out import redriving
from operations.fan_out.platform import Platform

pytestmark = pytest.mark.pure

SHARD = "shardId-000000000001"
LANE = LaneId(STREAM, SHARD, "target1")
RECORD = {"kinesis": {"sequenceNumber": "41", "data": "!"}, "eventID": f"{SHARD}:41"}


def message(number: int) -> Message:
    return Message(0, None, "k", f"{SHARD}:{number}", f"data {number}".encode())


class World:
    """The bucket, the functions, and the backlogs; `refuses` has the function keep every record anew."""

    def __init__(self, refuses: bool = False, fails: bool = False) -> None:
        self.s3 = FakeS3()
        self.refuses, self.fails = refuses, fails
        self.invoked: list[tuple[str, str, Mapping[str, Any]]] = []
        self.appended: list[tuple[LaneId, Sequence[Message]]] = []
        self.failures = Failures(self, "fanout")

    # The bucket, as the functions see it.

    def put(self, key: str, body: bytes) -> None:
        self.s3.put_object("failures", key, body)

    def get(self, key: str) -> bytes | None:
        return self.s3.objects.get(key)

    def delete(self, keys: Sequence[str]) -> None:
        raise AssertionError(keys)

    # Lambda.

    def invoke(self, FunctionName: str, Payload: bytes, InvocationType: str = "RequestResponse") -> Any:  # noqa: N803
        event = json.loads(Payload)
        self.invoked.append((FunctionName, InvocationType, event))
        if self.refuses:
            self.failures.keep_record(LANE, "41", Poison(0, None, "it is still wrong", "undecidable"), RECORD)
        if self.fails:
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(b'{"errorMessage": "out of memory"}')}
        return {"Payload": io.BytesIO(b'{"batchItemFailures": []}')}

    # The backlogs, as operations see them.

    def append(self, lane: LaneId, messages: Sequence[Message]) -> None:
        self.appended.append((lane, messages))

    def redriven(self, target_id: str | None = None) -> Result:
        instance: Any = FakeInstance(FakeAws())
        clients = {"s3": self.s3, "lambda": self}
        instance.client = lambda service, _config=None: clients[service]
        return redriving.redrive(Platform(instance), target_id, "tributary fanout redrive", Dialogue(yes=True))


@pytest.fixture
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> World:
    found = World(**getattr(request, "param", {}))
    monkeypatch.setattr(redriving, "Backlogs", lambda _platform: found)
    return found


def test_messages_go_to_the_backlog_they_are_of_and_the_drainer_is_woken(world: World) -> None:
    world.failures.keep_undelivered(LANE, [message(7), message(8)], "a day is over")
    world.failures.keep_message(LANE, message(9), "too large", RECORD)
    result = world.redriven()
    assert sorted(world.appended) == [(LANE, [message(7), message(8)]), (LANE, [message(9)])]
    assert {(name, kind) for name, kind, _ in world.invoked} == {("fanout-drainer", "Event")}
    assert world.invoked[0][2] == {"drain": LANE._asdict()}
    assert result.shown == {"redriven": {"target1": 2}, "left": []}
    assert result.failed is None
    assert all(key.startswith("redriven/targets/target1/inputStream/") for key in world.s3.objects)
    assert len(world.s3.objects) == 2


def test_a_record_that_made_no_message_goes_through_the_function_for_that_target_alone(world: World) -> None:
    world.failures.keep_record(LANE, "41", Poison(0, None, "its data is not base64", "undecidable"), RECORD)
    result = world.redriven("target1")
    assert world.invoked == [("fanout", "RequestResponse", {"Records": [RECORD], "onlyTarget": "target1"})]
    assert world.appended == []
    assert result.failed is None
    assert list(world.s3.objects) == [f"redriven/targets/target1/inputStream/{SHARD}/41.json"]


@pytest.mark.parametrize(
    ("world", "reason"),
    [({"refuses": True}, "it is still wrong"), ({"fails": True}, "the function failed: out of memory")],
    indirect=["world"],
)
def test_a_record_that_fails_again_stays_with_the_reason(world: World, reason: str) -> None:
    world.failures.keep_record(LANE, "41", Poison(0, None, "its data is not base64", "undecidable"), RECORD)
    result = world.redriven()
    key = f"targets/target1/inputStream/{SHARD}/41.json"
    assert result.shown == {"redriven": {}, "left": [{"object": key, "reason": reason}]}
    assert result.failed is not None
    assert result.failed.endswith("then `tributary fanout redrive`.")
    assert list(world.s3.objects) == [key]


def test_only_the_target_that_is_named_is_redriven(world: World) -> None:
    world.failures.keep_message(LANE, message(1), "too large")
    world.failures.keep_message(LANE._replace(target="target10"), message(1), "too large")
    world.redriven("target1")
    assert [lane.target for lane, _ in world.appended] == ["target1"]
    assert f"targets/target10/inputStream/{SHARD}/1.json" in world.s3.objects


def test_what_is_foreign_is_named_and_left(world: World) -> None:
    world.s3.objects["targets/target1/mine.txt"] = b"mine"
    result = world.redriven()
    assert [one["object"] for one in result.shown["left"]] == ["targets/target1/mine.txt"]
    assert list(world.s3.objects) == ["targets/target1/mine.txt"]


def test_nothing_to_redrive_is_said(world: World) -> None:
    assert world.redriven().text == "Nothing to redrive."


def test_without_a_terminal_it_must_be_said_that_it_is_meant(world: World) -> None:
    world.failures.keep_message(LANE, message(1), "too large")
    instance: Any = FakeInstance(FakeAws())
    instance.client = lambda service, _config=None: world.s3
    with pytest.raises(OperationError, match="--yes"):
        redriving.redrive(Platform(instance), None, "tributary fanout redrive", Dialogue())
    assert world.appended == []
