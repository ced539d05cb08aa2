"""Holds a lake's delivery stream, and lets it go on: changes wait in the Kinesis stream meanwhile.

Firehose has no switch. It reads the stream as its role, and tries again until the role may: so the role is told that it
may not. https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Kinesis as source)
"""

import json
from contextlib import suppress
from typing import Any

from operations.data_lake.deployed import Way

POLICY = "tributary-paused"


def pause(way: Way) -> None:
    """Keep the delivery stream from reading. Twice is as good as once."""
    denied = {
        "Effect": "Deny",
        "Action": ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:SubscribeToShard"],
        "Resource": "*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    _iam(way).put_role_policy(RoleName=_role(way), PolicyName=POLICY, PolicyDocument=document)


def resume(way: Way) -> None:
    """Let it read again, from where it stopped."""
    iam = _iam(way)
    with suppress(iam.exceptions.NoSuchEntityException):
        iam.delete_role_policy(RoleName=_role(way), PolicyName=POLICY)


def paused(way: Way) -> bool:
    """Whether it is held."""
    iam = _iam(way)
    with suppress(iam.exceptions.NoSuchEntityException):
        iam.get_role_policy(RoleName=_role(way), PolicyName=POLICY)
        return True
    return False


def retention_hours(way: Way) -> int:
    """How long the stream keeps what waits."""
    summary = way.at.client("kinesis").describe_stream_summary(StreamARN=way.stream_arn)
    return int(summary["StreamDescriptionSummary"]["RetentionPeriodHours"])


def _iam(way: Way) -> Any:
    return way.at.client("iam")


def _role(way: Way) -> str:
    return str(way.at.outputs["deliveryRoleArn"]).rpartition("/")[2]
