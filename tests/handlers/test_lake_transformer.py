"""The lake's transformer: a table's changes become flat lines, nothing of them is lost, and no record harms another."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.pure

SEQUENCE = "4" * 56
STREAM = "arn:aws:kinesis:eu-west-1:111111111111:stream/blog-srsa-ddb-table-data-stream"
Load = Callable[..., ModuleType]


class Context:
    aws_request_id = "request"
    function_name = "transform"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def change(item: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A change record as DynamoDB writes it to Kinesis."""
    stream = {"ApproximateCreationDateTime": 1_795_374_590_123, "Keys": {"id": {"S": "864732"}}, "SizeBytes": 40}
    images = {} if item is None else {"NewImage": {"id": {"S": "864732"}, **item}}
    return {
        "awsRegion": "eu-west-1",
        "eventID": "3c9d2a38-2b0e-4a4e-9f0a-3d9f0c9f3f11",
        "eventName": "REMOVE" if item is None else "MODIFY",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": "blog-srsa-ddb-table",
        "dynamodb": {**stream, **images, **more.pop("dynamodb", {})},
        "eventSource": "aws:dynamodb",
        **more,
    }


def firehose_record(data: bytes, number: int = 0) -> dict[str, Any]:
    return {
        "recordId": f"record-{number}",
        "data": base64.b64encode(data).decode(),
        "kinesisRecordMetadata": {"sequenceNumber": SEQUENCE, "partitionKey": f"key-{number}"},
    }


def answers(main: ModuleType, *changes: dict[str, Any] | bytes) -> list[dict[str, Any]]:
    data = [one if isinstance(one, bytes) else json.dumps(one, ensure_ascii=False).encode() for one in changes]
    records = [firehose_record(one, number) for number, one in enumerate(data)]
    event = {"sourceKinesisStreamArn": STREAM, "records": records}
    reply: list[dict[str, Any]] = main.handler(event, Context())["records"]
    assert [answer["recordId"] for answer in reply] == [record["recordId"] for record in records]
    return reply


def line(main: ModuleType, one: dict[str, Any]) -> dict[str, Any]:
    (answer,) = answers(main, one)
    assert answer["result"] == "Ok"
    text = base64.b64decode(answer["data"]).decode()
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    read: dict[str, Any] = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return read


def of_item(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("change_")}


def test_a_change_says_what_happened_when_and_to_which_item(load: Load) -> None:
    row = line(load("lake_transformer"), change({"name": {"S": "Adam"}, "Designation": {"S": "Senior Architect"}}))
    assert row == {
        "change_event": "MODIFY",
        "change_time": "2026-11-22 19:09:50.123",
        "change_time_us": 1_795_374_590_123_000,
        "change_order": f"01795374590123000-1-{SEQUENCE}",
        "change_id": "3c9d2a38-2b0e-4a4e-9f0a-3d9f0c9f3f11",
        "change_table": "blog-srsa-ddb-table",
        "change_key": '{"id":{"S":"864732"}}',
        "id": "864732",
        "name": "Adam",
        "designation": "Senior Architect",
        "change_names": '{"designation":["Designation"]}',
    }


def test_a_stream_in_microseconds_keeps_them(load: Load) -> None:
    precise = {
        "ApproximateCreationDateTime": 1_795_374_590_123_456,
        "ApproximateCreationDateTimePrecision": "MICROSECOND",
    }
    row = line(load("lake_transformer"), change({}, dynamodb=precise))
    assert (row["change_time"], row["change_time_us"]) == ("2026-11-22 19:09:50.123456", 1_795_374_590_123_456)


def test_a_removed_item_is_a_row_with_its_key_and_who_removed_it(load: Load) -> None:
    expired = change(None, userIdentity={"type": "Service", "principalId": "dynamodb.amazonaws.com"})
    row = line(load("lake_transformer"), expired)
    assert row["change_event"] == "REMOVE"
    assert row["change_actor"] == "dynamodb.amazonaws.com"
    assert of_item(row) == {"id": "864732"}


def test_every_type_has_its_form(load: Load) -> None:
    item = {
        "whole": {"N": "12345678901234567890123456789012345678"},
        "small": {"N": "-0.00000000000000000000000000000000000012"},
        "binary": {"B": "AAEC"},
        "yes": {"BOOL": True},
        "nothing": {"NULL": True},
        "empty": {"S": ""},
        "no_members": {"M": {}},
        "no_elements": {"L": []},
        "names": {"SS": ["a", "b"]},
        "numbers": {"NS": ["1", "2.5"]},
        "binaries": {"BS": ["AA=="]},
        "list": {"L": [{"N": "1"}, {"M": {"deep": {"B": "AA=="}}}]},
        "outer": {"M": {"inner": {"M": {"text": {"S": 'line\n"quoted" ü'}}}}},
    }
    row = line(load("lake_transformer"), change(item))
    assert of_item(row) == {
        "id": "864732",
        "whole": Decimal("12345678901234567890123456789012345678"),
        "small": Decimal("-0.00000000000000000000000000000000000012"),
        "binary": "AAEC",
        "yes": True,
        "nothing": None,
        "empty": "",
        "no_members": {},
        "no_elements": [],
        "names": ["a", "b"],
        "numbers": [1, Decimal("2.5")],
        "binaries": ["AA=="],
        "list": [1, {"deep": "AA=="}],
        "outer__inner__text": 'line\n"quoted" ü',
    }
    assert json.loads(row["change_types"]) == {
        "binary": "B",
        "names": "SS",
        "numbers": "NS",
        "binaries": "BS",
        "list": [None, {"deep": "B"}],
    }


def test_names_that_come_to_one_column_are_kept_apart(load: Load) -> None:
    item = {
        "a": {"M": {"b": {"S": "nested"}}},
        "a__b": {"S": "spelt alike"},
        "a.b": {"S": "dotted"},
        "Name": {"S": "upper"},
        "name": {"S": "lower"},
        "change_event": {"S": "mine"},
        "größe": {"N": "1"},
    }
    row = line(load("lake_transformer"), change(item))
    names = json.loads(row["change_names"])
    by_path = {tuple(path): column for column, path in names.items()}
    assert row["change_event"] == "MODIFY"
    assert row["a__b"] == "nested"
    assert row["a_b"] == "dotted"
    assert row["name"] == "lower"
    assert row["item_change_event"] == "mine"
    assert row["gr_e"] == 1
    assert row[by_path["a__b",]] == "spelt alike"
    assert row[by_path["Name",]] == "upper"
    assert len(of_item(row)) == len(item) + 1


def test_a_column_has_at_most_the_length_that_glue_takes(load: Load) -> None:
    item = {"n" * 300: {"S": "one"}, "n" * 301: {"S": "other"}, "m" * 255: {"S": "fits"}}
    row = of_item(line(load("lake_transformer"), change(item)))
    assert sorted(row.values()) == ["864732", "fits", "one", "other"]
    assert max(map(len, row)) == 255


def test_an_item_whose_names_grow_beyond_bounds_comes_whole(load: Load) -> None:
    members = {f"{number:x}": {"N": "1"} for number in range(20_000)}
    item = {"long_" * 40: {"M": members}}
    row = line(load("lake_transformer", OLD_IMAGE="true"), change(item, dynamodb={"OldImage": {"id": {"S": "864732"}}}))
    assert json.loads(row["change_item"]) == {"id": {"S": "864732"}, **item}
    assert json.loads(row["change_old_item"]) == {"id": {"S": "864732"}}


def test_the_old_image_comes_beside_the_new_one_on_request(load: Load) -> None:
    old = {"OldImage": {"id": {"S": "864732"}, "Designation": {"S": "Architect"}, "old": {"M": {"x": {"N": "1"}}}}}
    row = line(load("lake_transformer", OLD_IMAGE="true"), change({"old": {"S": "new"}}, dynamodb=old))
    assert of_item(row) == {"id": "864732", "old": "new"}
    assert row["change_old__designation"] == "Architect"
    assert row["change_old__old__x"] == 1
    assert "change_old__id" not in line(load("lake_transformer"), change({}, dynamodb=old))


def test_maps_stay_objects_on_request(load: Load) -> None:
    item = {"address": {"M": {"Zip": {"N": "5"}, "raw": {"B": "AA=="}}}}
    row = line(load("lake_transformer", KEEP_NESTED="true"), change(item))
    assert row["address"] == {"Zip": 5, "raw": "AA=="}
    assert json.loads(row["change_types"]) == {"address": {"raw": "B"}}


def test_hidden_attributes_reach_the_lake_nowhere(load: Load) -> None:
    item = {
        "email": {"S": "adam@example.com"},
        "address": {"M": {"street": {"S": "Elm Street"}, "city": {"S": "Springwood"}}},
        "contacts": {"L": [{"M": {"email": {"S": "eve@example.com"}, "kind": {"S": "work"}}}]},
        "a.b": {"S": "dotted secret"},
        "tags": {"SS": ["x", "y"]},
    }
    main = load(
        "lake_transformer",
        DROP_ATTRIBUTES=r'["address.street", "contacts.email", "a\\.b"]',
        HASH_ATTRIBUTES='["email", "tags"]',
        HASH_SALT="salt",
        OLD_IMAGE="true",
    )
    again = {**item, "tags": {"SS": ["y", "x"]}}
    row = line(main, change(item, dynamodb={"OldImage": {"id": {"S": "864732"}, **again}}))
    for secret in ("adam@", "eve@", "Elm", "dotted", '"x"'):
        assert secret not in json.dumps(row, default=str)
    assert row["address__city"] == "Springwood"
    assert row["contacts"] == [{"kind": "work"}]
    assert len(row["email"]) == 64
    assert row["tags"] == row["change_old__tags"]
    assert (
        row["email"]
        != line(load("lake_transformer", HASH_ATTRIBUTES='["email"]', HASH_SALT="other"), change(item))["email"]
    )


@pytest.mark.parametrize("nested", ["false", "true"])
def test_a_part_of_a_map_is_hashed_once(load: Load, nested: str) -> None:
    hashes = {"HASH_ATTRIBUTES": '["contact.email"]', "HASH_SALT": "salt", "KEEP_NESTED": nested}
    row = line(load("lake_transformer", **hashes), change({"contact": {"M": {"email": {"S": "adam@example.com"}}}}))
    hashed = row["contact"]["email"] if nested == "true" else row["contact__email"]
    assert hashed == hmac.digest(b"salt", b'{"S":"adam@example.com"}', "sha256").hex()


def test_a_hidden_key_is_refused(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    (answer,) = answers(load("lake_transformer", DROP_ATTRIBUTES='["id"]'), change({}))
    assert answer["result"] == "ProcessingFailed"
    assert "`id` is a key attribute of the table" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ({"address": {"M": {"country": {"S": "a/b c=ü"}}}}, "a%2Fb%20c%3D%C3%BC"),
        ({"address": {"M": {"country": {"N": "7"}}}}, "7"),
        ({"address": {"M": {"country": {"S": ""}}}}, "__HIVE_DEFAULT_PARTITION__"),
        ({"address": {"S": "none"}}, "__HIVE_DEFAULT_PARTITION__"),
        ({}, "__HIVE_DEFAULT_PARTITION__"),
        (None, "old"),
    ],
)
def test_an_attribute_partitions_the_lines(load: Load, item: dict[str, Any] | None, value: str) -> None:
    old = {"OldImage": {"address": {"M": {"country": {"S": "old"}}}}}
    main = load("lake_transformer", PARTITION_KEYS='{"country": "address.country"}')
    (answer,) = answers(main, change(item, dynamodb=old if item is None else {}))
    assert answer["metadata"] == {"partitionKeys": {"country": value}}


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b"null",
        b'"text"',
        b"{}",
        json.dumps({**change({}), "eventName": "OTHER"}).encode(),
        json.dumps({**change({}), "dynamodb": {}}).encode(),
        json.dumps(change({"a": {"X": "1"}})).encode(),
        json.dumps(change({"a": {"N": "no number"}})).encode(),
        json.dumps(change({"a": "bare"})).encode(),
        json.dumps({**change(None), "eventName": "INSERT"}).encode(),
    ],
)
def test_a_record_that_is_no_change_fails_alone_and_nothing_of_it_is_logged(
    load: Load, bad: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    main = load("lake_transformer")
    good, failed, also_good = answers(main, change({"n": {"N": "1"}}), bad, change(None))
    assert [good["result"], also_good["result"]] == ["Ok", "Ok"]
    assert failed == {"recordId": "record-1", "result": "ProcessingFailed"}
    logged = json.loads(capsys.readouterr().out)
    assert (logged["Records"], logged["Unreadable"], logged["level"]) == (3, 1, "ERROR")
    assert logged["reason"].startswith("record 1: ")
    assert "no number" not in logged["reason"]


class FakeKinesis:
    """Takes records, but for those of the first call that `refused` names."""

    def __init__(self, refused: tuple[int, ...] = ()) -> None:
        self.put: list[dict[str, Any]] = []
        self._refused = refused

    def put_records(self, *, StreamARN: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # botocore's
        assert StreamARN == STREAM
        refused, self._refused = self._refused, ()
        self.put += [record for number, record in enumerate(Records) if number not in refused]
        replies = [{"ErrorCode": "InternalFailure"} if number in refused else {} for number in range(len(Records))]
        return {"FailedRecordCount": len(refused), "Records": replies}


def test_what_does_not_fit_into_an_answer_goes_back_to_the_stream_and_keeps_its_place(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, kinesis = load("lake_transformer"), FakeKinesis(refused=(0,))
    monkeypatch.setattr(main, "_kinesis", lambda: kinesis)
    monkeypatch.setattr("handlers.shared.time_budget.BASE_DELAY_S", 0.0)
    large = change({"text": {"S": "x" * 390_000}})

    reply = answers(main, *[large] * 14)

    assert len(json.dumps({"records": reply})) < 6_291_556
    dropped = [f"key-{number}" for number, one in enumerate(reply) if one["result"] == "Dropped"]
    assert sorted(record["PartitionKey"] for record in kinesis.put) == sorted(dropped) != []
    data = kinesis.put[0]["Data"]
    assert json.loads(data) == {"tributarySequenceNumber": SEQUENCE, **large}
    later = {**firehose_record(data), "kinesisRecordMetadata": {"sequenceNumber": "9" * 56, "partitionKey": "key"}}
    (one,) = main.handler({"sourceKinesisStreamArn": STREAM, "records": [later]}, Context())["records"]
    assert json.loads(base64.b64decode(one["data"]))["change_order"].endswith(SEQUENCE)


def test_an_answer_that_cannot_be_cut_fails_as_a_whole_and_says_what_to_grant(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = load("lake_transformer")

    class Denied:
        def put_records(self, **_: object) -> None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "PutRecords")

    monkeypatch.setattr(main, "_kinesis", Denied)
    with pytest.raises(RuntimeError, match=r"could not be put back to arn:.*kinesis:PutRecords"):
        answers(main, *[change({"text": {"S": "x" * 390_000}})] * 14)
