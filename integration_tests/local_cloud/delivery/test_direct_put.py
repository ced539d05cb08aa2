"""Direct PUT to S3: what is buffered, when an object is written, what it is called and what is in it."""

import gzip
import re
import zipfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import cramjam
import pytest

from integration_tests.local_cloud.delivery.conftest import hints
from integration_tests.support.waiting import eventually

pytestmark = [pytest.mark.local, pytest.mark.aws]

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def test_records_of_a_buffer_are_one_object_unchanged_and_in_order(delivery_stream):
    stream = delivery_stream(BufferingHints=hints(2))
    records = [f"record {number}|".encode() for number in range(700)]

    stream.put(*records)

    found = stream.await_objects()
    assert list(found.values()) == [b"".join(records)]


def test_the_interval_closes_a_buffer_that_is_not_full(delivery_stream):
    stream = delivery_stream(BufferingHints=hints(3))
    before = datetime.now(UTC)
    stream.put(b"one")
    assert stream.objects() == {}

    stream.await_body(b"one")

    waited = datetime.now(UTC) - before
    assert waited >= timedelta(seconds=2.9)


def test_the_size_closes_a_buffer_before_its_interval(delivery_stream):
    stream = delivery_stream(BufferingHints=hints(900))
    records = [bytes([number]) * 1024 * 100 for number in range(22)]

    stream.put(*records)

    bodies = sorted(stream.await_objects(2).values())
    delivered = b"".join(bodies)
    assert b"".join(records).startswith(delivered)
    assert all(1024 * 1024 - len(records[0]) <= len(body) <= 1024 * 1024 for body in bodies)


def test_interval_zero_delivers_at_once(delivery_stream):
    stream = delivery_stream(BufferingHints=hints(0))

    stream.put(b"now")

    stream.await_body(b"now", timeout=5)


def test_without_a_custom_prefix_the_name_has_the_hour_the_stream_and_its_version(delivery_stream):
    stream = delivery_stream(Prefix="prod-kinesis-data")

    stream.put(b"x")

    (key,) = stream.await_objects()
    hour, second = r"\d{4}/\d\d/\d\d/\d\d/", r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d"
    assert re.fullmatch(rf"prod-kinesis-data{hour}{stream.name}-1-{second}-{UUID}", key)
    written = datetime.strptime(key.removeprefix("prod-kinesis-data")[:14], "%Y/%m/%d/%H/").replace(tzinfo=UTC)
    assert timedelta() <= datetime.now(UTC) - written < timedelta(hours=1, minutes=1)


def test_expressions_of_a_prefix_are_evaluated_in_the_time_zone(delivery_stream):
    prefix = "y=!{timestamp:yyyy}/m=!{timestamp:MM}/!{timestamp:'day='dd'/hour='HH}/r=!{firehose:random-string}/"
    error_prefix = "failed/!{firehose:error-output-type}/"
    stream = delivery_stream(Prefix=prefix, ErrorOutputPrefix=error_prefix, CustomTimeZone="Asia/Tokyo")

    stream.put(b"x")

    (key,) = stream.await_objects()
    match = re.fullmatch(rf"y=(\d{{4}})/m=(\d\d)/day=(\d\d)/hour=(\d\d)/r=[^/]{{11}}/{stream.name}-1-.*{UUID}", key)
    assert match, key
    there = datetime(*map(int, match.groups()), tzinfo=ZoneInfo("Asia/Tokyo"))
    assert abs(datetime.now(UTC) - there) < timedelta(hours=1, minutes=1)


@pytest.mark.parametrize(
    ("compression", "extension", "plain"),
    [
        ("GZIP", ".gz", gzip.decompress),
        ("ZIP", ".zip", lambda body: zipfile.ZipFile(BytesIO(body)).read(zipfile.ZipFile(BytesIO(body)).namelist()[0])),
        ("Snappy", ".snappy", lambda body: bytes(cramjam.snappy.decompress(body))),
        ("HADOOP_SNAPPY", ".hsnappy", lambda body: bytes(cramjam.snappy.decompress_raw(body[8:]))),
    ],
)
def test_compression_packs_the_whole_object(delivery_stream, compression, extension, plain):
    stream = delivery_stream(CompressionFormat=compression)
    records = [b'{"n": %d}\n' % number for number in range(100)]

    stream.put(*records)

    ((key, body),) = stream.await_objects().items()
    assert key.endswith(extension)
    assert plain(body) == b"".join(records)


def test_a_file_extension_replaces_that_of_the_compression(delivery_stream):
    stream = delivery_stream(CompressionFormat="GZIP", FileExtension=".jsonl.gz")

    stream.put(b"x")

    (key,) = stream.await_objects()
    assert re.search(rf"{UUID}\.jsonl\.gz$", key)


def test_append_delimiter_puts_a_new_line_after_each_record(delivery_stream):
    processors = {"Enabled": True, "Processors": [{"Type": "AppendDelimiterToRecord", "Parameters": []}]}
    stream = delivery_stream(ProcessingConfiguration=processors)

    stream.put(b"one", b"two")

    stream.await_body(b"one\ntwo\n")


def test_an_update_counts_from_the_next_object_on_and_raises_the_version(delivery_stream):
    stream = delivery_stream(Prefix="before/")
    stream.put(b"old")
    stream.await_body(b"old", "before/")

    stream.update({"Prefix": "after/"})

    description = stream.describe()
    assert description["VersionId"] == "2"
    destination = description["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert destination["Prefix"] == "after/"
    assert destination["BufferingHints"] == hints(1)  # what the update does not name stays
    stream.put(b"new")
    (key,) = stream.await_body(b"new", "after/")
    assert f"/{stream.name}-2-" in key


def test_shorter_hints_count_for_what_is_waiting_already(delivery_stream):
    stream = delivery_stream(BufferingHints=hints(900))
    stream.put(b"waiting")
    assert stream.objects() == {}

    stream.update({"BufferingHints": hints(1)})

    stream.await_body(b"waiting", timeout=300)


def test_deleting_a_stream_deletes_what_it_has_not_delivered(delivery_stream):
    stream = delivery_stream(BufferingHints=hints(1))
    stream.put(b"lost")

    stream.clients.firehose.delete_delivery_stream(DeliveryStreamName=stream.name)

    with pytest.raises(stream.clients.firehose.exceptions.ResourceNotFoundException):
        eventually(lambda: stream.put(b"more"), timeout=60, interval=1)
    survivor = delivery_stream(account_id=stream.clients.account_id, bucket=stream.bucket, Prefix="other/")
    survivor.put(b"kept")
    survivor.await_body(b"kept", "other/")
    assert list(stream.objects().values()) == [b"kept"]


def test_ingestion_and_delivery_are_measured(delivery_stream):
    stream = delivery_stream()

    stream.put(b"12345", b"67890")
    stream.await_body(b"1234567890")

    for name, value in (
        ("IncomingRecords", 2.0),
        ("IncomingBytes", 10.0),
        ("PutRecordBatch.Records", 2.0),
        ("DeliveryToS3.Records", 2.0),
        ("DeliveryToS3.Bytes", 10.0),
    ):
        eventually(lambda name=name: stream.metric(name), equals=[value], timeout=300 if _on_aws(stream) else 5)
    assert stream.metric("DeliveryToS3.Success", "Average") == [1.0]
    (age,) = stream.metric("DeliveryToS3.DataFreshness", "Maximum")
    assert 0.9 <= age <= 300


def _on_aws(stream) -> bool:
    return stream.clients.s3.meta.endpoint_url.endswith("amazonaws.com")
