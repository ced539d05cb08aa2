"""The AWS SDK for Java 2 at its default settings, which nobody here wrote: CBOR, and HTTP/2 for async clients.

https://docs.aws.amazon.com/sdk-for-java/latest/developer-guide/http-configuration-netty.html
"""

import subprocess
from pathlib import Path

import pytest

from integration_tests.clients.packages import jars

pytestmark = pytest.mark.local

COUNT = 50


def test_records_are_put_read_and_pushed_by_the_java_sdk(kcl, environment, account, clients, unique, cleanup):
    account_id, stream = account(), unique("stream")
    cleanup(clients(account_id).kinesis.delete_stream, StreamName=stream, EnforceConsumerDeletion=True)

    story = Path(__file__).with_name("StreamStory.java")
    words = ["java", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", jars(), story]
    ended = subprocess.run(
        [*words, stream, unique("consumer"), str(COUNT)],
        env=environment(clients(account_id), kcl, JDK_JAVA_OPTIONS="-Dstdout.encoding=UTF-8"),
        capture_output=True,
        encoding="utf-8",
        timeout=180,
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    told: dict[str, list[list[str]]] = {}
    for line in ended.stdout.splitlines():
        kind, *fields = line.split("\t")
        told.setdefault(kind, []).append(fields)

    sequence_numbers = [number for (number,) in told["put"]]
    expected = [
        [number, f"clé-{index % 7}", (b"\xff\x00" + index.to_bytes(4, "big")).hex()]
        for index, number in enumerate(sequence_numbers)
    ]
    assert len(expected) == COUNT
    # Twice: from TRIM_HORIZON and from a time, which travels as a number of its own kind in CBOR.
    assert [fields[:3] for fields in told["got"]] == expected * 2
    assert [fields[:3] for fields in told["pushed"]] == expected
    # The same records as boto3 has them, read as JSON.
    kinesis = clients(account_id).kinesis
    position = {"ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    iterator = kinesis.get_shard_iterator(StreamName=stream, **position)["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [[one["SequenceNumber"], one["PartitionKey"], one["Data"].hex()] for one in records] == expected
    arrivals = [str(round(one["ApproximateArrivalTimestamp"].timestamp() * 1000)) for one in records]
    assert [fields[3] for fields in told["got"]] == arrivals * 2
    assert [fields[3] for fields in told["pushed"]] == arrivals
    assert told["refused"] == [["ResourceNotFoundException", "400"], ["ValidationException", "400"]]
    # SubscribeToShard alone is asked for in JSON.
    cbor = ("application/x-amz-cbor-1.1",) * 2
    pushed = ("application/x-amz-json-1.1", "application/vnd.amazon.eventstream")
    spoken = {request: tuple(types) for request, *types in told["spoke"]}
    assert spoken == dict.fromkeys(spoken, cbor) | {"SubscribeToShardRequest": pushed}
    assert len(spoken) == 11
