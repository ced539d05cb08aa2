"""The Kinesis Client Library as consumer of what aws_kinesis_agg aggregates: two workers, with a reshard in between.

Each is its authors' own: leases, coordination and checkpoints are in DynamoDB, records are pushed by SubscribeToShard
over HTTP/2 as CBOR, aggregates are taken apart by the library.
https://docs.aws.amazon.com/streams/latest/dev/kcl.html
"""

import hashlib
from collections import Counter

import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from integration_tests.clients.daemons import application
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

KEYS = [f"key {number}" for number in range(24)]
HALF = 2**127
# Half a minute is what a worker may wait, at random, before it makes the first leases.
PATIENCE_S = 120


def shard_of(key: str, shards: dict[str, range]) -> str:
    """https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html#partition-key"""
    hashed = int.from_bytes(hashlib.md5(key.encode()).digest(), "big")
    return next(shard_id for shard_id, hash_keys in shards.items() if hash_keys.start <= hashed < hash_keys.stop)


class Producer:
    """Puts records as the Producer Library does: an aggregate a shard, of the keys that belong there."""

    def __init__(self, kinesis, stream: str) -> None:
        self._kinesis = kinesis
        self._stream = stream
        self.put: dict[str, list[tuple[str, int, str, str]]] = {}

    def send(self, shards: dict[str, range], name: str) -> None:
        """Two records of each key in aggregates, and one of each key alone."""
        for shard_id in shards:
            keys = [key for key in KEYS if shard_of(key, shards) == shard_id]
            aggregator = RecordAggregator()
            users = [(key, f"{name}, {key}, {turn}") for turn in range(2) for key in keys]
            for key, data in users:
                aggregator.add_user_record(key, data)
            partition_key, explicit_hash_key, data = aggregator.clear_and_get().get_contents()
            placed = {"ExplicitHashKey": explicit_hash_key} if explicit_hash_key else {}
            self._put(shard_id, users, partition_key, data, **placed)
            for key in keys:
                self._put(shard_id, [(key, f"{name}, {key}, alone")], key, f"{name}, {key}, alone")

    def _put(self, shard_id: str, users: list[tuple[str, str]], partition_key: str, data: bytes | str, **more) -> None:
        answer = self._kinesis.put_record(StreamName=self._stream, PartitionKey=partition_key, Data=data, **more)
        assert answer["ShardId"] == shard_id
        records = [(answer["SequenceNumber"], sub, key, text) for sub, (key, text) in enumerate(users)]
        self.put.setdefault(shard_id, []).extend(records)

    @property
    def count(self) -> int:
        return sum(map(len, self.put.values()))


def taken(workers) -> dict[str, list[tuple[str, int, str, str]]]:
    """The records of each shard in the order of their first delivery: the library delivers at least once."""
    found: dict[str, dict[tuple[str, int, str, str], None]] = {}
    for told in workers.told("record"):
        record = (told["sequence_number"], told["sub_sequence_number"] or 0, told["key"], told["data"])
        found.setdefault(told["shard"], {}).setdefault(record)
    return {shard_id: list(records) for shard_id, records in found.items()}


def minimum(stream_arn: str, program: str) -> list[dict[str, object]]:
    """https://docs.aws.amazon.com/streams/latest/dev/kcl-iam-permissions.html"""
    _, _, _, region, account_id, _ = stream_arn.split(":")
    table = f"arn:aws:dynamodb:{region}:{account_id}:table/{program}"
    streams = ["DescribeStream", "DescribeStreamSummary", "RegisterStreamConsumer"]
    records = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Scan", "CreateTable", "DescribeTable"]
    allowed = {
        stream_arn: [*streams, "GetRecords", "GetShardIterator", "ListShards"],
        f"{stream_arn}/consumer/*": ["SubscribeToShard", "DescribeStreamConsumer"],
        table: [*records, "UpdateTable"],
        f"{table}-WorkerMetricStats": records,
        f"{table}-CoordinatorState": records,
        f"{table}/index/*": ["Query"],
    }
    statements = [
        statement([f"{arn.split(':')[2]}:{action}" for action in actions], arn) for arn, actions in allowed.items()
    ]
    return [*statements, statement("cloudwatch:PutMetricData")]


def test_two_workers_read_a_stream_through_a_reshard(
    kcl, environment, account, clients, principal, stream, unique, cloud, cleanup, eventually, tmp_path
):
    account_id = account()
    kinesis, dynamodb = clients(account_id).kinesis, clients(account_id).dynamodb
    arn = stream(account_id, 2)
    name, program = arn.split("/")[1], unique("program")
    first, second, low, high = (f"shardId-00000000000{number}" for number in range(4))
    producer = Producer(kinesis, name)
    producer.send({first: range(HALF), second: range(HALF, 2 * HALF)}, "before")
    for table in (program, f"{program}-CoordinatorState", f"{program}-WorkerMetricStats"):
        cleanup(dynamodb.delete_table, TableName=table)

    variables = environment(principal(account_id, minimum(arn, program)), kcl)
    settings = {"applicationName": program, "streamName": name, "regionName": cloud.region}
    settings |= {"kinesisEndpoint": cloud.endpoint, "dynamoDBEndpoint": cloud.endpoint}
    with application(tmp_path) as workers:
        # The one asks, the other is pushed.
        workers.start("left", variables, **settings, retrievalMode="POLLING")
        eventually(lambda: len(workers.told("leased")), equals=2, timeout=PATIENCE_S, interval=0.2)
        workers.start("right", variables, **settings, retrievalMode="FANOUT")
        eventually(lambda: taken(workers), equals=producer.put, timeout=PATIENCE_S, interval=0.2)

        kinesis.split_shard(StreamName=name, ShardToSplit=first, NewStartingHashKey=str(HALF // 2))
        eventually(
            lambda: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"],
            equals="ACTIVE",
            timeout=60,
        )
        producer.send({low: range(HALF // 2), high: range(HALF // 2, HALF), second: range(HALF, 2 * HALF)}, "after")
        eventually(lambda: taken(workers), equals=producer.put, timeout=PATIENCE_S, interval=0.2)
        assert producer.count == 6 * len(KEYS)

        # Every shard is read to its end: the parent's is for good, the others' is the last record that was put.
        ends = {shard_id: records[-1][0] for shard_id, records in producer.put.items()} | {first: "SHARD_END"}
        leases = eventually(
            lambda: {item["leaseKey"]["S"]: item for item in dynamodb.scan(TableName=program)["Items"]},
            until=lambda found: {key: lease["checkpoint"]["S"] for key, lease in found.items()} == ends,
            timeout=PATIENCE_S,
            interval=0.2,
        )
        assert Counter(lease["leaseOwner"]["S"] for lease in leases.values()) == {"left": 2, "right": 2}
        assert {told["worker"] for told in workers.told("record")} == {"left", "right"}
        assert [told["shard"] for told in workers.told("ended")] == [first]
        # Children begin when their parent is at its end: order is kept for each key.
        lines = workers.output.read_text().splitlines()
        ended = next(number for number, line in enumerate(lines) if '"ended"' in line)
        assert ended < min(number for number, line in enumerate(lines) if low in line or high in line)
        # What it tells CloudWatch: https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-kcl.html
        eventually(
            lambda: {
                one["MetricName"] for one in clients(account_id).cloudwatch.list_metrics(Namespace=program)["Metrics"]
            },
            until=lambda names: names >= {"RecordsProcessed", "DataBytesProcessed"},
            timeout=PATIENCE_S,
            interval=0.2,
        )
        assert "AccessDenied" not in workers.logs()
