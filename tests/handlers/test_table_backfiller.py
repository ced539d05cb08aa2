"""The backfiller writes what is not in the replica, file by file, and goes on where it was stopped."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from fake_aws import FakeContext, Item, Partly, Refusal, Timeout, _refuse, _reply
from fake_replica import POSITIONS, REPLICA, FakeReplica

pytestmark = pytest.mark.pure

FILE, PLACE = "exports/AWSDynamoDB/01-a/data/one.json.gz", "backfill/01-a/one.json"
EVENT = {"bucket": "exports", "file": FILE, "folder": "backfill/01-a", "keys": ["PK"], "writeUnits": None}


class Absent(Exception):  # noqa: N818 - as botocore names it
    """There is no such object."""


@dataclass
class Store:
    """Objects of a bucket; the body of a file may break off after `breaks_after` bytes, once."""

    objects: dict[str, bytes] = field(default_factory=dict)
    breaks_after: int | None = None
    exceptions = type("exceptions", (), {"NoSuchKey": Absent})

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        if Key not in self.objects:
            raise Absent(Key)
        limit, self.breaks_after = (self.breaks_after, None) if Key == FILE else (None, self.breaks_after)
        return {"Body": Breaking(self.objects[Key], limit) if limit is not None else io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803
        self.objects[Key] = Body

    @property
    def place(self) -> dict[str, Any]:
        return dict(json.loads(self.objects[PLACE]))


class Breaking(io.BytesIO):
    def __init__(self, body: bytes, limit: int) -> None:
        super().__init__(body)
        self._limit = limit

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= self._limit:
            raise ReadTimeoutError(endpoint_url="https://exports.s3.amazonaws.com")
        left = self._limit - self.tell()
        return super().read(left if size is None or size < 0 else min(size, left))


class Backfilled(FakeReplica):
    """With conditional puts, and with transactions that check positions."""

    def _PutItem(self, request: AWSPreparedRequest, parameters: Any, failed: object) -> AWSResponse:  # noqa: N802
        item = parameters["Item"]
        assert parameters["ConditionExpression"] == "attribute_not_exists(#key)"
        if self.invalid(item):
            return _refuse(request, Refusal("ValidationException"))
        if self._key(item) in self.tables[parameters["TableName"]]:
            return _refuse(request, Refusal("ConditionalCheckFailedException"))
        self.tables[parameters["TableName"]][self._key(item)] = item
        return _reply(request, 200, b'{"ConsumedCapacity":{"CapacityUnits":1.0}}')

    def _TransactWriteItems(  # noqa: N802
        self, request: AWSPreparedRequest, parameters: Any, failed: tuple[int, ...]
    ) -> AWSResponse:
        answer = super()._TransactWriteItems(request, parameters, failed)
        if answer.status_code != 200:
            return answer
        units = [{"CapacityUnits": 2.0 * len(parameters["TransactItems"])}]
        return _reply(request, 200, json.dumps({"ConsumedCapacity": units}).encode())

    def _verdict(self, kind: str, action: Any) -> str:
        key = self._key(action["Key"] if kind == "ConditionCheck" else action["Item"])
        if kind == "Put" and self.invalid(action["Item"]):
            return "ValidationError"
        return "ConditionalCheckFailed" if key in self.tables[action["TableName"]] else "None"


SPOILT = gzip.compress(b'{"Item":{"PK":{"S":"a"}}}\nnot json\n')
Load = Callable[..., ModuleType]


def row(number: int, **more: Any) -> Item:
    return {"PK": {"S": f"r{number:04}"}, "v": {"N": str(number)}, **more}


def exported(rows: list[Item]) -> bytes:
    return gzip.compress("".join(f"{json.dumps({'Item': one})}\n" for one in rows).encode())


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Backfilled:
    fake = Backfilled()
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda _session, request: fake.send(request))
    monkeypatch.setattr("handlers.shared.time_budget.BASE_DELAY_S", 0.0)
    return fake


@pytest.fixture(params=[False, True], ids=["unguarded", "guarded"])
def guarded(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store()


@pytest.fixture
def main(load: Load, store: Store, guarded: bool, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    guard = {"POSITIONS_TABLE": POSITIONS} if guarded else {}
    module = load("table_backfiller", REPLICA_TABLE=REPLICA, **guard)
    monkeypatch.setattr(module, "_s3", lambda: store)
    return module


def keys(aws: Backfilled) -> list[str]:
    return sorted(item["PK"]["S"] for item in aws.items(REPLICA))


def test_rows_that_are_not_there_are_written_and_the_others_kept(
    main: ModuleType, aws: Backfilled, store: Store
) -> None:
    rows = [row(number, raw={"B": "AAH/"}) for number in range(120)]
    store.objects[FILE] = exported(rows)
    newer = row(7, v={"N": "99"})
    aws.tables[REPLICA][aws._key(newer)] = newer  # type: ignore[index]
    assert main.handler(EVENT, FakeContext()) == {"done": True, "written": 119, "kept": 1, "refused": 0}
    assert aws.replica() == {aws._key(one): one for one in [*rows, newer]}
    assert store.place == {"line": 120, "done": True, "written": 119, "refused": []}
    # Nothing is left to do, and nothing is read again.
    del store.objects[FILE]
    assert main.handler(EVENT, FakeContext())["done"]


@pytest.mark.parametrize("guarded", [True], indirect=True)
def test_what_was_streamed_is_not_brought_back(main: ModuleType, aws: Backfilled, store: Store) -> None:
    store.objects[FILE] = exported([row(number) for number in range(60)])
    for number in (3, 55):  # removed through the stream: only the position is left
        aws.tables[POSITIONS][aws._key(row(number))] = {"position": {"S": "1"}}  # type: ignore[index]
    assert main.handler(EVENT, FakeContext()) == {"done": True, "written": 58, "kept": 2, "refused": 0}
    assert not {"r0003", "r0055"} & set(keys(aws))


def test_a_row_that_the_replica_refuses_is_named_and_the_others_are_written(
    main: ModuleType, aws: Backfilled, store: Store
) -> None:
    store.objects[FILE] = exported([row(number) for number in range(70)])
    aws.invalid = lambda item: item["PK"]["S"] == "r0031"
    assert main.handler(EVENT, FakeContext()) == {"done": True, "written": 69, "kept": 0, "refused": 1}
    [[position, key, reason]] = store.place["refused"]
    assert (position, key) == (31, {"PK": {"S": "r0031"}})
    assert "told to fail" in reason


def test_a_replica_that_refuses_most_rows_is_no_replica_for_them(
    main: ModuleType, aws: Backfilled, store: Store
) -> None:
    store.objects[FILE] = exported([row(number) for number in range(300)])
    aws.invalid = lambda item: True
    with pytest.raises(Exception, match="rows are refused, from line 1 on") as raised:
        main.handler(EVENT, FakeContext())
    assert type(raised.value).__name__ == "BackfillError"
    # Once the replica is put right, all of them are tried again.
    aws.invalid = lambda item: False
    assert main.handler(EVENT, FakeContext()) == {"done": True, "written": 300, "kept": 0, "refused": 0}


@pytest.mark.parametrize(
    "fault",
    [Refusal("ProvisionedThroughputExceededException"), Refusal("InternalServerError", 500), Timeout()],
    ids=["throttled", "server", "no answer"],
)
def test_what_passes_is_tried_again(main: ModuleType, aws: Backfilled, store: Store, fault: Any, guarded: bool) -> None:
    store.objects[FILE] = exported([row(number) for number in range(60)])
    aws.script("TransactWriteItems" if guarded else "PutItem", fault, fault)
    assert main.handler(EVENT, FakeContext())["written"] == 60


@pytest.mark.parametrize("guarded", [True], indirect=True)
def test_a_conflict_with_a_streamed_change_is_tried_again(main: ModuleType, aws: Backfilled, store: Store) -> None:
    store.objects[FILE] = exported([row(number) for number in range(60)])
    aws.script("TransactWriteItems", Partly((3,)))
    assert main.handler(EVENT, FakeContext()) == {"done": True, "written": 60, "kept": 0, "refused": 0}


def test_when_time_runs_out_the_next_invocation_goes_on(
    main: ModuleType, aws: Backfilled, store: Store, guarded: bool
) -> None:
    store.objects[FILE] = exported([row(number) for number in range(400)])

    class Ending(FakeContext):
        """Has time for so many looks at the clock."""

        looks = 8 if guarded else 30

        def get_remaining_time_in_millis(self) -> int:
            self.looks -= 1
            return 60_000 if self.looks > 0 else 0

    replies = []
    while not replies or not replies[-1]["done"]:
        replies.append(main.handler(EVENT, Ending()))
    assert len(replies) > 1
    assert replies[-1] == {"done": True, "written": 400, "kept": 0, "refused": 0}
    assert keys(aws) == [f"r{number:04}" for number in range(400)]


def test_a_broken_connection_to_the_file_costs_no_row(main: ModuleType, aws: Backfilled, store: Store) -> None:
    store.objects[FILE] = exported([row(number, noise={"S": str(hash(number))}) for number in range(500)])
    store.breaks_after = len(store.objects[FILE]) // 2
    first = main.handler(EVENT, FakeContext())
    assert not first["done"]
    assert 0 < first["written"] < 500
    assert main.handler(EVENT, FakeContext()) == {"done": True, "written": 500, "kept": 0, "refused": 0}


# Named, since gzip writes the time into what it makes: the workers' tests would have other names.
@pytest.mark.parametrize("body", [b"no gzip", exported([row(1)])[:20], SPOILT], ids=["no gzip", "cut short", "spoilt"])
def test_a_damaged_file_is_named_with_its_line(main: ModuleType, aws: Backfilled, store: Store, body: bytes) -> None:
    store.objects[FILE] = body
    with pytest.raises(Exception, match=r"one\.json\.gz: line \d is not a line of an export"):
        main.handler(EVENT, FakeContext())


def test_without_permission_it_ends_with_the_reason(
    main: ModuleType, aws: Backfilled, store: Store, guarded: bool
) -> None:
    store.objects[FILE] = exported([row(number) for number in range(10)])
    aws.script("TransactWriteItems" if guarded else "PutItem", *[Refusal("AccessDeniedException")] * 20)
    with pytest.raises(Exception, match=r"no row could be written from line 1 on: .*AccessDeniedException"):
        main.handler(EVENT, FakeContext())


def test_write_units_are_bounded(main: ModuleType, aws: Backfilled, store: Store) -> None:
    store.objects[FILE] = exported([row(number) for number in range(4)])
    slept: list[float] = []
    main.time = type("clock", (), {"sleep": staticmethod(slept.append), "time": staticmethod(lambda: 0.0)})
    main.handler({**EVENT, "writeUnits": 0.5}, FakeContext())
    assert slept
    assert max(slept) <= FakeContext.time_s
