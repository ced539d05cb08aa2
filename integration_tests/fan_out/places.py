"""Targets of all nine types, each the real thing as far as this machine has it, and what has arrived at them.

Each place has `row`, the options of its row, and `arrived()`: the data of each record, in the order of arrival where
the place has one. A place that keeps one value a key (a cache) tells the newest of each.
"""

from __future__ import annotations

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

from integration_tests.servers.caches import Cache
from integration_tests.servers.mqtt import Subscriber
from integration_tests.servers.opensearch import Node
from integration_tests.support.addressing import Clients, statement
from integration_tests.support.factories import Factories, objects

# Everything that came in one event, as an object of a bucket.
KEEP_EVENT = """
import boto3, json, os
s3 = boto3.client("s3")
def handler(event, context):
    s3.put_object(Bucket=os.environ["BUCKET"], Key=context.aws_request_id, Body=json.dumps(event).encode())
"""


class Place(ABC):
    """A target; `row` has its type, its destination and what else it needs."""

    row: dict[str, Any]
    # Whether it keeps one value a key.
    newest_only = False

    @abstractmethod
    def arrived(self) -> list[bytes]:
        """The data of the records that are there."""


def _data_of(body: str | bytes) -> Iterator[bytes]:
    """The data in a body that was joined as JSON."""
    for record in json.loads(body)["Records"]:
        yield json.dumps(record, separators=(",", ":")).encode()


class Queue(Place):
    """A queue, or what a topic hands to one; remembers what it has taken out."""

    def __init__(
        self, own: Clients, make: Factories, name: str, *, fifo: bool = False, topic: bool = False, **options: Any
    ) -> None:
        self._sqs = own.sqs
        suffix, attributes = (".fifo", {"FifoQueue": "true"}) if fifo else ("", {})
        name += suffix
        self.url, arn = make.queue(own.account_id, name=name, **attributes)
        self.row = {"type": "sqs", "destination": self.url, **options}
        if topic:
            kind = {"FifoTopic": "true"} if fifo else {}
            self.row["type"], self.row["destination"] = (
                "sns",
                own.sns.create_topic(Name=name, Attributes=kind)["TopicArn"],
            )
            policy = statement("sqs:SendMessage", arn, Principal={"Service": "sns.amazonaws.com"})
            document = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
            own.sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": document})
            own.sns.subscribe(
                TopicArn=self.row["destination"],
                Protocol="sqs",
                Endpoint=arn,
                Attributes={"RawMessageDelivery": "true"},
            )
        self.bodies: list[str] = []

    def arrived(self) -> list[bytes]:
        bodies = self.taken()
        if self.row.get("collapse", "JSON") == "none":
            return [body.encode() for body in bodies]
        return [data for body in bodies for data in _data_of(body)]

    def taken(self) -> list[str]:
        """Every body that has come until now."""
        while found := self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            self.bodies += [one["Body"] for one in found]
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(found)]
            self._sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)
        return self.bodies


class Stream(Place):
    """A Kinesis stream of two shards."""

    def __init__(self, own: Clients, make: Factories, **options: Any) -> None:
        self._kinesis = own.kinesis
        self._arn = make.stream(own.account_id, shards=2)
        self.row = {"type": "kinesis", "destination": self._arn.rpartition("/")[2], **options}
        self._iterators: dict[str, str] = {}
        self.records: list[dict[str, Any]] = []

    def arrived(self) -> list[bytes]:
        if not self._iterators:
            for shard in self._kinesis.list_shards(StreamARN=self._arn)["Shards"]:
                answer = self._kinesis.get_shard_iterator(
                    StreamARN=self._arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
                )
                self._iterators[shard["ShardId"]] = answer["ShardIterator"]
        for shard, iterator in self._iterators.items():
            while records := (answer := self._kinesis.get_records(ShardIterator=iterator))["Records"]:
                self.records += records
                iterator = answer["NextShardIterator"]
            self._iterators[shard] = iterator
        return [record["Data"] for record in self.records]


class DeliveryStream(Place):
    """A Firehose delivery stream into a bucket, which has a line for each record."""

    def __init__(self, own: Clients, make: Factories, name: str, **options: Any) -> None:
        self._s3 = own.s3
        self._bucket = make.bucket(own.account_id)
        arn = f"arn:aws:s3:::{self._bucket}"
        role = make.role(own.account_id, [statement("s3:*", [arn, f"{arn}/*"])], trusts="firehose.amazonaws.com")
        own.firehose.create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration={
                "RoleARN": role,
                "BucketARN": arn,
                "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
            },
        )
        self.row = {"type": "firehose", "destination": name, "appendNewlines": True, **options}

    def arrived(self) -> list[bytes]:
        return [line for body in objects(self._s3, self._bucket).values() for line in body.split(b"\n") if line]


class Topic(Place):
    """A topic of IoT Core, and who has subscribed to it."""

    def __init__(self, own: Clients, subscriber: Subscriber, topic: str, **options: Any) -> None:
        address = own.iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
        self._subscriber = subscriber
        self.row = {"type": "iot", "destination": f"{address}#{topic}", **options}

    def arrived(self) -> list[bytes]:
        payloads = list(self._subscriber.payloads)
        if self.row.get("collapse", "JSON") == "none":
            return payloads
        return [data for payload in payloads for data in _data_of(payload)]


class Events(Place):
    """A function that keeps its events."""

    def __init__(self, own: Clients, make: Factories, **options: Any) -> None:
        self._s3 = own.s3
        self._bucket = make.bucket(own.account_id)
        allowed = statement("s3:PutObject", f"arn:aws:s3:::{self._bucket}/*")
        function = make.function(
            own.account_id, KEEP_EVENT, statements=[allowed], environment={"BUCKET": self._bucket}, timeout=30
        )
        self.row = {"type": "lambda", "destination": function.arn, **options}

    def records(self) -> list[dict[str, Any]]:
        return [record for body in objects(self._s3, self._bucket).values() for record in json.loads(body)["Records"]]

    def arrived(self) -> list[bytes]:
        return [base64.b64decode(record["kinesis"]["data"]) for record in self.records()]


class Index(Place):
    """An index of OpenSearch that has a document for each record."""

    def __init__(self, node: Node, name: str, **options: Any) -> None:
        self._node, self.name = node, name
        self.row = {"type": "es", "destination": f"{node.url}#{name}", "documentId": "record", **options}

    def arrived(self) -> list[bytes]:
        found = self._node.documents(self.name)
        return [json.dumps(found[name], separators=(",", ":")).encode() for name in sorted(found)]


class Values(Place):
    """A cache: `read` gives the value of a key."""

    newest_only = True

    def __init__(self, kind: str, cache: Cache, read: Callable[[], list[bytes]], **options: Any) -> None:
        self.cache = cache
        self._read = read
        self.row = {"type": kind, "destination": cache.address, "parallel": False, **options}

    def arrived(self) -> list[bytes]:
        return self._read()
