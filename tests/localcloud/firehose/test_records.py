"""Records taken apart, partitioned, transformed and converted: the parts of a delivery stream that decide."""

import base64

import aws_kinesis_agg.aggregator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.emulator import model_checks
from localcloud.emulator.dynamodb_streaming.records import kinesis_record, partition_key
from localcloud.emulator.firehose import kpl, transformation
from localcloud.emulator.firehose.errors import RecordError, TransformError
from localcloud.emulator.firehose.hive_types import arrow_type
from localcloud.emulator.firehose.partitioning import MAX_SUB_RECORDS, split
from localcloud.emulator.firehose.records import Record
from localcloud.emulator.table_streams.change_records import change_record

pytestmark = pytest.mark.pure


def record(data: bytes, record_id: str = "1") -> Record:
    return Record(data, 1_700_000_000_000, record_id)


@pytest.mark.parametrize(
    ("data", "delimiter", "parts"),
    [
        (b'{"a":1}{"b":2}', b"", [b'{"a":1}', b'{"b":2}']),
        (b' {"a": 1}\n\n[2] ', b"", [b'{"a": 1}', b"[2]"]),
        (b'{"a":1} rest', b"", [b'{"a":1} rest']),
        (b"\xff", b"", [b"\xff"]),
        (b"one####two####", b"####", [b"one", b"two"]),
        (b"one", b"####", [b"one"]),
        (b"", b"####", [b""]),
        (b"1 " * (MAX_SUB_RECORDS + 1), b"", [b"1 " * (MAX_SUB_RECORDS + 1)]),
    ],
)
def test_aggregates_are_split_and_other_records_are_left_alone(data, delimiter, parts):
    assert [part.data for part in split(record(data), delimiter)] == parts


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=50)), min_size=1, max_size=20))
def test_kpl_aggregates_give_back_their_user_records(users):
    aggregator = aws_kinesis_agg.aggregator.RecordAggregator()
    for key, data in users:
        aggregator.add_user_record(key, data)
    _, _, aggregate = aggregator.clear_and_get().get_contents()
    assert kpl.user_records("outer", aggregate) == users


@given(st.binary(max_size=100))
def test_what_is_no_kpl_aggregate_is_one_record(data):
    assert kpl.user_records("key", kpl.MAGIC + data) == [("key", kpl.MAGIC + data)]


def test_a_batch_is_sorted_by_the_functions_answer():
    batch = [record(str(n).encode(), str(n)) for n in range(6)]
    data = base64.b64encode(b"new").decode()
    answer = {
        "records": [
            {"recordId": "0", "result": "Ok", "data": data, "metadata": {"partitionKeys": {"k": 1}}},
            {"recordId": "1", "result": "Dropped"},
            {"recordId": "2", "result": "ProcessingFailed"},
            {"recordId": "4", "result": "Ok", "data": data},
            {"recordId": "4", "result": "Ok", "data": data},
            {"recordId": "5", "result": "Fine", "data": data},
            {"recordId": "9", "result": "Ok", "data": data},
        ]
    }

    outcome = transformation.interpret(batch, answer)

    assert [(kept.record_id, kept.data, kept.partition_keys) for kept in outcome.transformed] == [
        ("0", b"new", {"k": "1"})
    ]
    assert outcome.dropped == 1
    assert [(failed.record_id, error.code) for failed, error in outcome.failed] == [
        ("2", "Lambda.ProcessingFailedStatus"),
        ("3", "Lambda.MissingRecordId"),
        ("4", "Lambda.DuplicatedRecordId"),
        ("5", "Lambda.JsonProcessingException"),
    ]
    assert all(isinstance(error, RecordError) for _, error in outcome.failed)


@pytest.mark.parametrize("answer", [None, "text", 7, [], {}, {"records": None}])
def test_an_answer_without_records_fails_the_batch(answer):
    with pytest.raises(TransformError):
        transformation.interpret([record(b"x")], answer)


# Records that AWS wrote, as published by consumers of them.
AWS_SIZES = [
    (
        {"id": {"S": "3"}, "name": {"S": "ABC"}},
        [{"email": {"S": "abc@email.com"}, "id": {"S": "3"}, "name": {"S": "ABC"}}],
        38,
    ),
    (
        {"device": {"S": "qux"}, "timestamp": {"S": "2024-07-12T01:17:42"}},
        [
            {
                "humidity": {"N": "84.84"},
                "temperature": {"N": "42.42"},
                "device": {"S": "qux"},
                "timestamp": {"S": "2024-07-12T01:17:42"},
            }
        ],
        99,
    ),
    (
        {"customer_name": {"S": "Bob Lee"}, "order_id": {"N": "3"}},
        [
            {
                "order_status": {"N": "3"},
                "order_date": {"N": date},
                "order_id": {"N": "3"},
                "price": {"N": "63.06"},
                "product_id": {"N": "2060"},
                "customer_name": {"S": "Bob Lee"},
            }
            for date in ("1720046486", "1720037677")
        ],
        192,
    ),
]


@pytest.mark.parametrize(("keys", "images", "size"), AWS_SIZES)
def test_the_size_of_a_change_is_what_aws_counts(keys, images, size):
    named = dict(zip(("NewImage", "OldImage"), images, strict=False))
    table = {"pk_name": next(iter(keys)), "sk_name": list(keys)[1], "TableArn": "t", "LatestStreamArn": "t/stream/1"}
    change = change_record(table, "MODIFY", named.get("OldImage"), named["NewImage"], "NEW_AND_OLD_IMAGES")
    assert change["dynamodb"]["Keys"] == keys

    written = kinesis_record("orders", change, "MICROSECOND", 1_720_046_486_486_729_123)

    assert written["dynamodb"]["SizeBytes"] == size
    assert written["dynamodb"]["ApproximateCreationDateTime"] == 1_720_046_486_486_729
    assert list(written) == [
        "awsRegion",
        "eventID",
        "eventName",
        "userIdentity",
        "recordFormat",
        "tableName",
        "dynamodb",
        "eventSource",
    ]


def test_an_item_has_one_partition_key_however_its_keys_are_ordered():
    keys = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    assert partition_key("t", keys) == partition_key("t", dict(reversed(keys.items())))
    assert len({partition_key("t", keys), partition_key("u", keys), partition_key("t", {"pk": {"S": "a"}})}) == 3


@pytest.mark.parametrize(
    ("hive", "arrow"),
    [
        ("bigint", "int64"),
        ("decimal(10,2)", "decimal128(10, 2)"),
        ("varchar(20)", "string"),
        ("array<struct<a:int,b:map<string,double>>>", "list<item: struct<a: int32, b: map<string, double>>>"),
    ],
)
def test_hive_types_become_arrow_types(hive, arrow):
    assert str(arrow_type(hive)).replace("element:", "item:") == arrow


@pytest.mark.parametrize("hive", ["number", "array<int", "struct<>", "map<string>"])
def test_a_type_that_does_not_exist_is_an_error(hive):
    with pytest.raises(ValueError, match="not a Hive type"):
        arrow_type(hive)


def test_requests_are_checked_against_the_service_model():
    request = {
        "DeliveryStreamName": "has space",
        "ExtendedS3DestinationConfiguration": {
            "RoleARN": "arn:aws:iam::111122223333:role/r",
            "BufferingHints": {"SizeInMBs": 129},
        },
    }

    found = model_checks.violations("firehose", "CreateDeliveryStream", request)

    prefix, failed = "extendedS3DestinationConfiguration", "failed to satisfy constraint: Member must"
    assert found == [
        f"Value 'has space' at 'deliveryStreamName' {failed} satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        f"Value null at '{prefix}.bucketARN' {failed} not be null",
        f"Value '129' at '{prefix}.bufferingHints.sizeInMBs' {failed} have value less than or equal to 128",
    ]
    assert model_checks.message(found) == "3 validation errors detected: " + "; ".join(found)
