"""A platform in memory: the mapping table, the roles' permissions, and what there is in its account."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from components.fan_out.settings import PlatformSettings
from handlers.fan_out.rows import Item, item_of
from operations.fan_out.platform import Platform
from operations.stacks import Stack

ACCOUNT = "111111111111"
STREAM = f"arn:aws:kinesis:eu-west-1:{ACCOUNT}:stream/inputStream"
TABLE = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/logfile"
TABLE_STREAM = f"{TABLE}/stream/2026-11-22T10:00:00.000"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:orders"
QUEUE_URL = f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/orders"


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "refused"}}, operation)


@dataclass
class FakeAws:
    """`allowed` are patterns of ARNs that the roles may send to, or assume; `there` the ARNs of what is there."""

    items: list[Item] = field(default_factory=list)
    allowed: list[str] = field(default_factory=lambda: ["*"])
    there: set[str] = field(default_factory=lambda: {QUEUE})
    may_look: bool = True

    # The mapping table.

    def get_paginator(self, operation: str) -> Any:
        return type("Pages", (), {"paginate": staticmethod(getattr(self, f"_{operation}"))})

    def _scan(self, **_: Any) -> Iterable[Any]:
        return [{"Items": self.items[place : place + 2]} for place in range(0, len(self.items), 2)]

    def _query(self, ExpressionAttributeValues: Any, **_: Any) -> Iterable[Any]:  # noqa: N803
        return [{"Items": [item for item in self.items if item["sourceArn"] == ExpressionAttributeValues[":arn"]]}]

    def put_item(self, TableName: str, Item: Item, ConditionExpression: str) -> None:  # noqa: N803
        assert TableName == "fanoutTargets"
        same = [one for one in self.items if (one["sourceArn"], one["id"]) == (Item["sourceArn"], Item["id"])]
        if bool(same) is not (ConditionExpression == "attribute_exists(id)"):
            raise refusal("ConditionalCheckFailedException", "PutItem")
        self.items = [one for one in self.items if one not in same] + [Item]

    def delete_item(self, TableName: str, Key: Item) -> None:  # noqa: N803
        self.items = [one for one in self.items if {name: one[name] for name in Key} != Key]

    # What the roles may, and what there is.

    def simulate_principal_policy(
        self,
        PolicySourceArn: str,  # noqa: N803
        ActionNames: list[str],  # noqa: N803
        ResourceArns: list[str],  # noqa: N803
    ) -> Any:
        if not self.may_look:
            raise refusal("AccessDenied", "SimulatePrincipalPolicy")
        [arn] = ResourceArns
        decision = "allowed" if any(fnmatch.fnmatch(arn, one) for one in self.allowed) else "implicitDeny"
        return {"EvaluationResults": [{"EvalActionName": name, "EvalDecision": decision} for name in ActionNames]}

    def get_queue_url(self, QueueName: str) -> Any:  # noqa: N803
        if f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{QueueName}" not in self.there:
            raise refusal("AWS.SimpleQueueService.NonExistentQueue", "GetQueueUrl")
        return {"QueueUrl": f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/{QueueName}"}

    def describe_stream_summary(self, StreamARN: str) -> None:  # noqa: N803
        self._look(StreamARN)

    def get_topic_attributes(self, TopicArn: str) -> None:  # noqa: N803
        self._look(TopicArn)

    def _look(self, arn: str) -> None:
        if not self.may_look:
            raise refusal("AccessDeniedException", "Describe")
        if arn not in self.there:
            raise refusal("ResourceNotFoundException", "Describe")


class FakeInstance:
    """An instance with a stream and a table's stream as its sources."""

    name = "fan-out"
    stack = Stack("platform", ACCOUNT, "eu-west-1", {})

    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        sources: dict[str, Any] = {"inputStream": {}, "logfile": {"arn": TABLE_STREAM}}
        self.settings = PlatformSettings.model_validate({"kind": "fan-out/platform", "sources": sources})
        self.outputs: Mapping[str, Any] = {
            "functionName": "fanout",
            "drainerName": "fanout-drainer",
            "roleArns": [f"arn:aws:iam::{ACCOUNT}:role/fanout-role"],
            "targetsTableName": "fanoutTargets",
            "lanesTableName": "fanoutLanes",
            "failureBucketName": "failures",
            "sources": {"inputStream": STREAM, "logfile": TABLE_STREAM},
            "mappingIds": {"inputStream": "by-stack"},
        }

    def client(self, _service: str, _config: Any = None) -> Any:
        return self.aws


def platform_of(aws: FakeAws) -> Platform:
    instance: Any = FakeInstance(aws)
    return Platform(instance)


def row(name: str, arn: str = STREAM, **options: Any) -> Item:
    least = {"sourceArn": arn, "id": name, "type": "sqs", "destination": QUEUE_URL, "active": True}
    return item_of({**least, **options})
