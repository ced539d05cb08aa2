"""The local cloud tells which actions each principal was asked about, as CloudTrail does."""

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import Clients, Cloud, statement

pytestmark = [
    pytest.mark.local,
    pytest.mark.differs("plain", "keeps no record of calls"),
    pytest.mark.differs("aws", "CloudTrail tells, minutes later"),
]


def calls(cloud: Cloud, account_id: str, method: str = "GET") -> dict[str, Any]:
    request = urllib.request.Request(f"{cloud.endpoint}/_tributary/calls/{account_id}", method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_what_a_role_was_allowed_and_denied_is_kept_by_action_and_resource(
    cloud: Cloud, account: Callable[[], str], principal: Callable[..., Clients], stream: Callable[..., str]
) -> None:
    account_id = account()
    arn = stream(account_id)
    reader = principal(account_id, [statement("kinesis:ListShards", arn)])
    reader.kinesis.list_shards(StreamARN=arn)
    with pytest.raises(ClientError, match="AccessDenied"):
        reader.kinesis.describe_stream_summary(StreamARN=arn)

    session = reader.sts.get_caller_identity()["Arn"]
    assert calls(cloud, account_id)[session] == {
        "allowed": {"kinesis:ListShards": [arn]},
        "denied": {"kinesis:DescribeStreamSummary": [arn]},
    }

    calls(cloud, account_id, "DELETE")
    assert calls(cloud, account_id) == {}
