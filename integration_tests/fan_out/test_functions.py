"""Both functions in this process, on the local cloud's table of lanes, bucket and queues: what the memory cannot show.

What is deployed, and each kind of target, is in the other stories of this folder.
"""

import base64
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from handlers.fan_out.rows import item_of
from integration_tests.fan_out.test_stores import INDEX
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.factories import Factories, objects

pytestmark = pytest.mark.local

SHARD = "shardId-000000000000"


class Context:
    function_name, aws_request_id = "fanout", "request"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Platform:
    """The functions of a platform with two targets, `well` and `ill`, which are FIFO queues of one account."""

    def __init__(self, owner: Clients, make: Factories) -> None:
        self.owner = owner
        self.stream = f"arn:aws:kinesis:{owner.region}:{owner.account_id}:stream/input"
        self.bucket = make.bucket(owner.account_id)
        self.queues = {name: make.queue(owner.account_id, name=f"{name}.fifo", FifoQueue="true")[0] for name in NAMES}
        names = ("source", "item", "behind")
        self.lanes = make.table(
            owner.account_id,
            keys="source item",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            GlobalSecondaryIndexes=[INDEX],
        )["TableName"]
        self.rows = make.table(owner.account_id, keys="sourceArn id")["TableName"]
        for name in NAMES:
            self.register(name, collapse="none")
        self.source: ModuleType
        self.drainer: ModuleType

    def register(self, name: str, **options: Any) -> None:
        row = {"sourceArn": self.stream, "id": name, "type": "sqs", "destination": self.queues[name], "active": True}
        self.owner.dynamodb.put_item(TableName=self.rows, Item=item_of({**row, **options}))

    def hand(self, *numbers: int, data: Callable[[int], bytes] = lambda number: b"%d" % number) -> dict[str, Any]:
        """One invocation of the function on the source."""
        records = [
            {
                "eventID": f"{SHARD}:{number}",
                "eventSource": "aws:kinesis",
                "eventSourceARN": self.stream,
                "awsRegion": self.owner.region,
                "kinesis": {
                    "partitionKey": f"key-{number % 3}",
                    "sequenceNumber": str(number),
                    "data": base64.b64encode(data(number)).decode(),
                    "approximateArrivalTimestamp": 1_800_000_000.5,
                },
            }
            for number in numbers
        ]
        answer: dict[str, Any] = self.source.handler({"Records": records}, Context())
        return answer

    def drain(self, target: str) -> dict[str, Any]:
        asked = {"source": self.stream, "target": target, "shard": ""}
        answer: dict[str, Any] = self.drainer.handler({"drain": asked}, Context())
        return answer

    def received(self, name: str) -> list[str]:
        """What a queue has, by partition key and in the order of each."""
        found: list[tuple[str, str]] = []
        sqs = self.owner.sqs
        while True:
            answer = sqs.receive_message(
                QueueUrl=self.queues[name], MaxNumberOfMessages=10, AttributeNames=["MessageGroupId"]
            )
            if "Messages" not in answer:
                return [body for _, body in sorted(found, key=lambda one: one[0])]
            for message in answer["Messages"]:
                found.append((message["Attributes"]["MessageGroupId"], message["Body"]))
                sqs.delete_message(QueueUrl=self.queues[name], ReceiptHandle=message["ReceiptHandle"])

    def lane_items(self) -> list[str]:
        items = self.owner.dynamodb.scan(TableName=self.lanes)["Items"]
        return sorted(item["item"]["S"].rpartition("#")[0] for item in items if "behind" in item or "object" in item)


NAMES = ("well", "ill")


@pytest.fixture
def platform(
    cloud: Cloud,
    account: Callable[[], str],
    clients: Callable[[str], Clients],
    make: Factories,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Platform]:
    owner = clients(account())
    platform = Platform(owner, make)
    keys = owner.session.get_credentials().get_frozen_credentials()
    environment = {
        "AWS_ACCESS_KEY_ID": keys.access_key,
        "AWS_SECRET_ACCESS_KEY": keys.secret_key,
        "AWS_DEFAULT_REGION": owner.region,
        "AWS_ENDPOINT_URL": cloud.endpoint or "",
        "TARGETS_TABLE": platform.rows,
        "LANES_TABLE": platform.lanes,
        "FAILURE_BUCKET": platform.bucket,
        "DRAINER": "no-such-function",
        "FUNCTION": "fanout",
        "PATIENCE_SECONDS": "1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    # As in a new sandbox: nothing is left of sessions and clients that other tests made.
    ours = ("handlers.fan_out.", "handlers.shared.clients", "handlers.shared.json_calls")
    kept = {name: module for name, module in sys.modules.items() if name.startswith(ours)}
    for name in kept:
        del sys.modules[name]
    platform.source = importlib.import_module("handlers.fan_out.source")
    platform.drainer = importlib.import_module("handlers.fan_out.drainer")
    yield platform
    for name in [name for name in sys.modules if name.startswith(ours)]:
        del sys.modules[name]
    sys.modules.update(kept)


def test_a_target_that_is_away_gets_everything_later_and_the_other_gets_nothing_twice(
    platform: Platform, capsys: pytest.CaptureFixture[str]
) -> None:
    done = {"batchItemFailures": []}
    assert platform.hand(1, 2) == done
    policy = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    denial = json.dumps({"Version": "2012-10-17", "Statement": [policy]})
    platform.owner.sqs.set_queue_attributes(QueueUrl=platform.queues["ill"], Attributes={"Policy": denial})

    assert platform.hand(3, 4, 5) == done
    assert platform.hand(6, 7) == done

    behind = [f"entry#{SHARD}#ill#{number:064}" for number in (3, 6)]
    assert platform.lane_items() == [*behind, f"lane#{SHARD}"]
    assert platform.received("well") == ["3", "6", "1", "4", "7", "2", "5"]
    stopped = platform.drain("ill")
    assert (stopped["Delivered"], stopped["more"]) == (0, False)
    assert "AccessDenied" in stopped["reason"]

    platform.owner.sqs.set_queue_attributes(QueueUrl=platform.queues["ill"], Attributes={"Policy": ""})
    assert platform.drainer.handler({}, Context())["behind"] == 1
    assert platform.drain("ill")["Delivered"] == 5
    assert platform.hand(8, 9) == done

    assert platform.lane_items() == []
    assert platform.received("ill") == ["3", "6", "9", "1", "4", "7", "2", "5", "8"]
    assert platform.received("well") == ["9", "8"]
    assert objects(platform.owner.s3, platform.bucket) == {}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    counted = [
        (line["Target"], line.get("Delivered"), line.get("Backlogged"))
        for line in lines
        if "Target" in line and line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    ]
    assert ("ill", None, 3) in counted
    assert ("well", 3, None) in counted


def test_poison_is_in_the_bucket_under_the_targets_id_with_its_record(platform: Platform) -> None:
    platform.register("ill", collapse="none", transform="name")

    assert platform.hand(1, 2, data=lambda number: b'{"name": "a"}' if number == 1 else b"no JSON") == {
        "batchItemFailures": []
    }

    assert (platform.received("well"), platform.received("ill")) == (['{"name": "a"}', "no JSON"], ['"a"'])
    kept = objects(platform.owner.s3, platform.bucket)
    assert list(kept) == [f"targets/ill/input/{SHARD}/2.json"]
    [content] = [json.loads(body) for body in kept.values()]
    assert (content["target"], content["sequenceNumber"], content["errorKind"]) == ("ill", "2", "undecidable")
    assert json.loads(content["payload"])["Records"][0]["kinesis"]["sequenceNumber"] == "2"


def test_a_platform_without_its_table_waits_and_names_the_first_record(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda _self: 1)
    platform.owner.dynamodb.delete_table(TableName=platform.lanes)
    assert platform.hand(7, 8) == {"batchItemFailures": [{"itemIdentifier": "7"}]}
    assert platform.received("well") == []
