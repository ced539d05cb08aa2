"""What becomes of records on their way to a target, option by option; the original's defects among them."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kpl_aggregates import aggregate, framed
from stream_events import SHARD, STREAM, TABLE_STREAM, kinesis_event, sequence_number

from handlers.fan_out.contract import Message
from handlers.fan_out.inputs import Inputs
from handlers.fan_out.json_text import read, write
from handlers.fan_out.rendering import render
from handlers.fan_out.rows import item_of, row_of
from handlers.shared.kinesis_records import alone
from handlers.shared.poison import Poison

pytestmark = pytest.mark.pure

IMAGE: dict[str, Any] = {
    "id": {"S": "a7"},
    "n": {"N": "12345678901234567890123456789012345678"},
    "price": {"N": "0.10"},
    "picture": {"B": "/wD+"},
    "tags": {"SS": ["x", "y"]},
    "sizes": {"NS": ["1.50", "3"]},
    "nested": {"M": {"deep": {"L": [{"BOOL": True}, {"NULL": True}]}}},
}
KEYS = {"id": {"S": "a7"}, "n": {"N": "12345678901234567890123456789012345678"}}
PLAIN = (
    '{"id":"a7","n":12345678901234567890123456789012345678,"price":0.10,"picture":"/wD+","tags":["x","y"],'
    '"sizes":[1.50,3],"nested":{"deep":[true,null]}}'
)


def rendered(records: list[Any], takes_records: bool = False, **options: Any) -> list[Message | Poison]:
    item = item_of({"sourceArn": STREAM, "id": "t", "type": "sqs", "destination": "q", "active": True, **options})
    return list(render(Inputs(records), row_of(item), takes_records))


def data_of(records: list[Any], takes_records: bool = False, **options: Any) -> list[bytes]:
    """The data of the messages, none of which is poison."""
    found = rendered(records, takes_records, **options)
    assert [one for one in found if isinstance(one, Poison)] == []
    return [one.data for one in found if isinstance(one, Message)]


def reasons(records: list[Any], **options: Any) -> list[str]:
    found = rendered(records, **options)
    assert all(isinstance(one, Poison) for one in found)
    return [one.reason for one in found if isinstance(one, Poison)]


def put(*payloads: bytes) -> list[Any]:
    records: list[Any] = kinesis_event(payloads)["Records"]
    return records


def change(name: str, **images: Any) -> dict[str, Any]:
    return {
        "eventID": "e1",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_000_000.0,
            "Keys": KEYS,
            "SequenceNumber": sequence_number(7),
            "SizeBytes": 60,
            **images,
        },
        "eventSourceARN": TABLE_STREAM,
    }


INSERTED = change("INSERT", NewImage=IMAGE)
MODIFIED = change("MODIFY", NewImage=IMAGE, OldImage=KEYS)
REMOVED = change("REMOVE", OldImage=IMAGE)


def test_a_kinesis_record_is_a_message_with_its_bytes_its_key_and_its_place() -> None:
    binary = bytes(range(256))
    assert rendered(put(binary, b"2")) == [
        Message(0, None, "1", f"{SHARD}:{sequence_number(0)}", binary),
        Message(1, None, "1", f"{SHARD}:{sequence_number(1)}", b"2"),
    ]


def test_an_aggregate_becomes_its_records_in_order_with_keys_and_sub_sequence_numbers_of_their_own() -> None:
    record = put(aggregate([("k1", None, b"a"), ("k2", None, b"b"), ("k1", None, b"c")]))
    name = f"{SHARD}:{sequence_number(0)}"
    assert rendered(record, deaggregate=True) == [
        Message(0, 0, "k1", f"{name}.0000000", b"a"),
        Message(0, 1, "k2", f"{name}.0000001", b"b"),
        Message(0, 2, "k1", f"{name}.0000002", b"c"),
    ]


def test_without_deaggregate_an_aggregate_passes_whole_and_with_it_a_plain_record_does() -> None:
    whole = aggregate([("k1", None, b"a")])
    assert data_of(put(whole, b"plain")) == [whole, b"plain"]
    assert data_of(put(b"plain"), deaggregate=True) == [b"plain"]


def test_a_record_that_was_kept_alone_is_the_same_message_again() -> None:
    (record,) = put(aggregate([("k1", None, b"a"), ("k2", None, b"b")]))
    by_itself = alone(record, 1)
    assert rendered([by_itself], deaggregate=True) == rendered([record], deaggregate=True)[1:]
    assert alone(by_itself, 1) == by_itself


def test_a_malformed_aggregate_is_poison_and_its_neighbours_are_messages() -> None:
    first, second = rendered(put(framed(b"\x1a\x05ab"), b"fine"), deaggregate=True)
    assert isinstance(first, Poison)
    assert "aggregate" in first.reason
    assert isinstance(second, Message)


def test_what_is_not_base64_is_poison() -> None:
    (record,) = put(b"x")
    record["kinesis"]["data"] = "YWJ"
    assert reasons([record]) == ["its data is not base64"]


def test_a_change_is_told_with_its_event_name_number_keys_and_both_images() -> None:
    assert [json.loads(data) for data in data_of([INSERTED, MODIFIED, REMOVED])] == [
        {
            "eventID": "e1",
            "eventName": name,
            "sequenceNumber": sequence_number(7),
            "approximateCreationDateTime": 1_795_000_000.0,
            "keys": KEYS,
            **images,
        }
        for name, images in [
            ("INSERT", {"newImage": IMAGE}),
            ("MODIFY", {"newImage": IMAGE, "oldImage": KEYS}),
            ("REMOVE", {"oldImage": IMAGE}),
        ]
    ]


def test_convert_ddb_gives_the_new_image_as_plain_json_with_every_digit() -> None:
    assert data_of([INSERTED, MODIFIED], convertDDB=True) == [PLAIN.encode()] * 2


def test_convert_ddb_tells_of_a_removal_by_its_name_and_keys() -> None:
    assert data_of([REMOVED], convertDDB=True) == [
        b'{"eventName":"REMOVE","keys":{"id":"a7","n":12345678901234567890123456789012345678}}'
    ]


def test_the_key_of_a_change_is_made_of_its_key_values_and_its_id_of_its_number() -> None:
    (message,) = rendered([INSERTED])
    assert isinstance(message, Message)
    assert (message.key, message.id) == ("a7|12345678901234567890123456789012345678", f"-:{sequence_number(7)}")


def test_a_change_without_its_optional_fields_is_told_by_its_event_id() -> None:
    record = {"eventID": "e9", "eventName": "REMOVE", "eventSourceARN": TABLE_STREAM, "dynamodb": {}}
    (message,) = rendered([record])
    assert message == Message(0, None, "e9", "-:e9", b'{"eventID":"e9","eventName":"REMOVE"}')


def test_what_is_of_no_stream_is_poison() -> None:
    assert reasons([{"Sns": {}}]) == ["it is neither a record of a Kinesis stream nor of a table's stream"]


def test_newlines_end_the_data_of_both_kinds_of_source() -> None:
    assert data_of(put(b"1"), appendNewlines=True) == [b"1\n"]
    assert data_of([INSERTED], appendNewlines=True, convertDDB=True) == [f"{PLAIN}\n".encode()]


def test_a_filter_holds_data_and_metadata_against_its_pattern_as_a_mapping_does() -> None:
    records = put(b'{"country":"IE"}', b'{"country":"FR"}', b"IE", b"\xff")
    assert data_of(records, filter='{"data": {"country": ["IE"]}}') == [b'{"country":"IE"}']
    assert data_of(records, filter='{"data": ["IE"]}') == [b"IE"]
    assert data_of(records, filter='{"partitionKey": ["2"]}') == []
    changes = [INSERTED, MODIFIED, REMOVED]
    assert len(data_of(changes, filter='{"eventName": ["INSERT", "REMOVE"]}')) == 2
    assert len(data_of(changes, filter='{"dynamodb": {"NewImage": {"tags": {"SS": ["y"]}}}}')) == 2


def test_a_filter_sees_the_records_of_an_aggregate_one_by_one() -> None:
    record = put(aggregate([("k1", None, b'{"a":1}'), ("k2", None, b'{"a":2}'), ("k2", None, b'{"a":1}')]))
    wanted = data_of(record, deaggregate=True, filter='{"data": {"a": [1]}, "partitionKey": ["k2"]}')
    assert wanted == [b'{"a":1}']


def test_a_transform_makes_the_data_from_the_data_and_keeps_digits() -> None:
    records = put(b'{"user":{"id":12345678901234567890,"rate":0.10},"big":1E400,"text":"\xc3\xa9"}')
    expression = "{id: user.id, rate: user.rate, all: [big, text], none: nothing}"
    assert data_of(records, transform=expression) == [
        '{"id":12345678901234567890,"rate":0.10,"all":[1E400,"é"],"none":null}'.encode()
    ]
    assert data_of(put(b'{"a":[2,3.5]}'), transform="sum(a)") == [b"5.5"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"secret", "its data is not JSON: Expecting value"),
        (b"\xff\xfe", "its data is not JSON: it is not UTF-8"),
        (b'{"a": NaN}', "its data is not JSON: NaN is no JSON"),
        (b'{"b": "secret"}', "transform makes nothing (null) of its data"),
        (b'{"a": "secret"}', "transform does not work on its data: JMESPathTypeError"),
        (b"[" * 100_000, "its data is nested far too deeply"),
    ],
)
def test_what_a_transform_cannot_work_on_is_poison_whose_reason_does_not_quote_it(data: bytes, reason: str) -> None:
    (found,) = reasons(put(data), transform="a && abs(a)")
    assert found.startswith(reason)
    assert "secret" not in found


def test_an_envelope_is_a_cloud_event_around_the_data() -> None:
    (data, other) = data_of(put(b'{"n":0.10}', b"\xff"), envelope=True)
    event = {
        "specversion": "1.0",
        "id": f"{SHARD}:{sequence_number(0)}",
        "source": STREAM,
        "type": "com.amazonaws.kinesis.record",
        "time": "2026-11-18T11:06:40.000Z",
        "partitionkey": "1",
        "sequence": sequence_number(0),
        "datacontenttype": "application/json",
    }
    assert json.loads(data) == {**event, "data": {"n": 0.1}}
    assert b'"data":{"n":0.10}' in data
    of_other = {"id": f"{SHARD}:{sequence_number(1)}", "sequence": sequence_number(1), "data_base64": "/w=="}
    assert json.loads(other) == {**event, **of_other, "datacontenttype": "application/octet-stream"}


def test_an_envelope_of_a_change_has_its_event_name() -> None:
    (data,) = data_of([REMOVED], envelope=True, convertDDB=True, transform="keys.id")
    assert {name: json.loads(data)[name] for name in ("type", "source", "sequence", "partitionkey", "data")} == {
        "type": "com.amazonaws.dynamodb.REMOVE",
        "source": TABLE_STREAM,
        "sequence": sequence_number(7),
        "partitionkey": "a7|12345678901234567890123456789012345678",
        "data": "a7",
    }


def test_the_source_of_what_came_through_a_consumer_is_the_stream() -> None:
    (record,) = put(b"1")
    (data,) = data_of([{**record, "eventSourceARN": f"{STREAM}/consumer/app:1700000000"}], envelope=True)
    assert json.loads(data)["source"] == STREAM


def test_a_lambda_target_gets_records_as_lambda_passes_them() -> None:
    (record,) = put(b"1")
    assert [json.loads(data) for data in data_of([record, REMOVED], takes_records=True)] == [record, REMOVED]


def test_a_lambda_target_gets_the_records_of_an_aggregate_one_by_one_and_plain_images_where_asked() -> None:
    (record,) = put(aggregate([("k1", None, b"a"), ("k2", None, b"b")]))
    options: dict[str, Any] = {"deaggregate": True, "convertDDB": True}
    one, two, changed = (json.loads(data) for data in data_of([record, MODIFIED], takes_records=True, **options))
    assert [one, two] == [alone(record, 0), alone(record, 1)]
    plain_keys = {"id": "a7", "n": 12345678901234567890123456789012345678}
    plain = {"Keys": plain_keys, "NewImage": json.loads(PLAIN), "OldImage": plain_keys}
    assert changed == {**MODIFIED, "dynamodb": {**MODIFIED["dynamodb"], **plain}}


def test_a_lambda_target_gets_transformed_data_in_the_record() -> None:
    (record,) = put(b'{"a":{"b":1}}')
    (data,) = data_of([record], takes_records=True, transform="a")
    assert json.loads(data) == {**record, "kinesis": {**record["kinesis"], "data": b64encode(b'{"b":1}').decode()}}


def test_passthrough_gives_a_lambda_target_the_records_that_the_original_makes() -> None:
    (record,) = put(aggregate([("k1", None, b"a"), ("k2", None, b"bc")]))
    options: dict[str, Any] = {"passthrough": True, "deaggregate": True, "convertDDB": True}
    _, two, changed = (json.loads(data) for data in data_of([record, INSERTED], takes_records=True, **options))
    assert two == {
        "key": "k2",
        "sequenceNumber": sequence_number(0),
        "subSequenceNumber": 1,
        "data": "YmM=",
        "size": 2,
        "action": "PUT",
        "source": "aws:kinesis",
        "region": "eu-west-1",
    }
    assert (changed["action"], changed["source"], changed["key"]) == (
        "INSERT",
        "aws:dynamodb",
        "a7|12345678901234567890123456789012345678",
    )
    assert b64decode(changed["data"]).decode() == PLAIN


def test_inputs_are_made_once_for_targets_that_want_them_in_one_form() -> None:
    inputs = Inputs(put(b"1", b"2"))
    assert inputs.of(False, False, False) is inputs.of(False, False, False)
    assert (inputs.shard, Inputs([INSERTED]).shard) == (SHARD, "-")


documents = st.recursive(
    st.one_of(st.none(), st.booleans(), st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
)


@given(documents)
def test_json_is_written_as_it_was_read(document: Any) -> None:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return
    assert json.loads(write(read(data))) == document
