"""One marked record and what became of it, as the function's log, its reply and the on-failure bucket say."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest
from fake_platform import TABLE, TABLE_STREAM, FakeAws, FakeInstance, row

from handlers.fan_out.inputs import Inputs
from handlers.fan_out.rows import Item
from operations.dialogue import Result
from operations.errors import OperationError
from operations.fan_out import testing
from operations.fan_out.options import AskedSource, SourceType
from operations.fan_out.platform import Platform

pytestmark = pytest.mark.pure

OF_STREAM = AskedSource("inputStream", None, SourceType.KINESIS)


class Function(FakeAws):
    """A function that logs these counts for each target, and keeps what it was invoked with."""

    def __init__(self, *items: Item, reply: Any = None, failed: bool = False, reason: str = "", **counts: int) -> None:
        super().__init__(list(items))
        self.reply, self.failed, self.reason, self.counts = reply, failed, reason, counts
        self.events: list[Any] = []

    def invoke(self, FunctionName: str, LogType: str, Payload: bytes) -> Any:  # noqa: N803
        assert (FunctionName, LogType) == ("fanout", "Tail")
        event = json.loads(Payload)
        self.events.append(event)
        lines: list[dict[str, Any]] = [{"FunctionName": "fanout", "Records": 1}]
        if self.counts:
            lines.append(
                {"FunctionName": "fanout", "Target": event["onlyTarget"], **self.counts, "reason": self.reason}
            )
        reply = {"batchItemFailures": []} if self.reply is None else self.reply
        log = "\n".join(["START", *map(json.dumps, lines), "END"])
        return {
            "Payload": io.BytesIO(json.dumps(reply).encode()),
            "LogResult": base64.b64encode(log.encode()).decode(),
            **({"FunctionError": "Unhandled"} if self.failed else {}),
        }

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        [event] = self.events
        number = event["Records"][0]["kinesis"]["sequenceNumber"]
        assert (Bucket, Key) == ("failures", f"targets/a/inputStream/shardId-test/{number}.json")
        return {"Body": io.BytesIO(b'{"reason": "it has 9 bytes"}')}


def result_of(aws: Function, target_id: str | None = "a", data: str | None = None) -> Result:
    instance: Any = FakeInstance(aws)
    return testing.test(Platform(instance), OF_STREAM, target_id, data)


def outcomes(result: Result) -> list[tuple[str, str, bool]]:
    return [(one["target"], one["what"], one["well"]) for one in result.shown["targets"]]


def test_a_delivered_record_is_well() -> None:
    aws = Function(row("a"), Delivered=1)
    result = result_of(aws)
    assert outcomes(result) == [("a", "delivered", True)]
    assert result.failed is None
    [event] = aws.events
    [message] = Inputs(event["Records"]).of(False, False, False)
    assert json.loads(message.data) == {"tributaryTest": result.shown["mark"]}  # type: ignore[union-attr]
    assert event["onlyTarget"] == "a"


@pytest.mark.parametrize(
    ("aws", "what"),
    [
        (Function(row("a"), Backlogged=1, reason="slow"), "not taken, waits in the backlog: slow"),
        (
            Function(row("a"), Poisoned=1),
            "refused for good: it has 9 bytes (s3://failures/targets/a/inputStream/shardId-test/",
        ),
        (Function(row("a")), "not sent: the function does not know the target, or it is not active"),
        (Function(row("a"), reply={"batchItemFailures": [{}]}), "the platform itself waits: the function's log group"),
        (
            Function(row("a"), reply={"errorMessage": "out of memory"}, failed=True),
            "the function failed: out of memory",
        ),
        (Function(row("a", collapse="json")), "its row is wrong: collapse is 'json'"),
    ],
)
def test_what_is_not_delivered_is_told_with_the_reason(aws: Function, what: str) -> None:
    result = result_of(aws)
    [(_, told, well)] = outcomes(result)
    assert told.startswith(what)
    assert not well
    assert result.failed is not None
    assert result.failed.startswith("1 of 1 targets did not take it.")


def test_a_record_that_the_filter_holds_back_is_well() -> None:
    result = result_of(Function(row("a", filter='{"data": {"n": [1]}}')))
    assert outcomes(result) == [
        ("a", "not sent: its filter does not let the record through; `--data` gives another one", True)
    ]


def test_without_an_id_each_active_target_of_the_source_is_tested() -> None:
    aws = Function(row("a"), row("b", active=False), row("c"), row("d", TABLE), Delivered=1)
    assert [target for target, _, _ in outcomes(result_of(aws, None))] == ["a", "c"]
    assert [event["onlyTarget"] for event in aws.events] == ["a", "c"]
    with pytest.raises(OperationError, match=r"^no target is active\."):
        result_of(Function(row("b", active=False)), None)


def test_a_tables_source_gets_a_change_with_the_mark_as_its_key() -> None:
    aws = Function(row("a", TABLE), Delivered=1)
    instance: Any = FakeInstance(aws)
    testing.test(Platform(instance), AskedSource(None, TABLE_STREAM, None), "a", "hello")
    [event] = aws.events
    [record] = event["Records"]
    assert record["eventSourceARN"] == TABLE_STREAM
    assert record["dynamodb"]["NewImage"]["data"] == {"S": "hello"}
