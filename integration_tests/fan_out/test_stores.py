"""The lanes and the backlogs where they are kept: DynamoDB and S3 keep the promises on which the protocol is proved.

No deployment: a table and a bucket, and the handlers' own clients.
"""

from collections.abc import Callable

import pytest

from handlers.fan_out.backlog import Backlog
from handlers.fan_out.contract import Message
from handlers.fan_out.lanes import Lane, LaneId
from handlers.fan_out.lanes_table import LanesTable
from handlers.fan_out.objects import Bucket
from handlers.shared.json_calls import DYNAMODB, JsonCalls
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.factories import Factories, objects
from tests.handlers.fan_out.lane_rules import SOURCE, LaneRules, now

pytestmark = [pytest.mark.local, pytest.mark.aws]

INDEX = {
    "IndexName": "behind",
    "KeySchema": [{"AttributeName": "behind", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["since"]},
}


@pytest.fixture
def lanes(
    cloud: Cloud,
    account: Callable[[], str],
    clients: Callable[[str], Clients],
    make: Factories,
    monkeypatch: pytest.MonkeyPatch,
) -> LanesTable:
    """An empty table of lanes, read and written by the handlers' own client."""
    owner = clients(account())
    table = make.table(
        owner.account_id,
        keys="source item",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("source", "item", "behind")],
        GlobalSecondaryIndexes=[INDEX],
    )
    if cloud.endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.endpoint)
    calls = JsonCalls(DYNAMODB, owner.session.get_credentials(), region=owner.region)
    return LanesTable(table["TableName"], calls)


class TestLanesTable(LaneRules):
    pass


def test_a_backlog_keeps_messages_whole_and_in_their_order(
    lanes: LanesTable, account: Callable[[], str], clients: Callable[[str], Clients], make: Factories
) -> None:
    owner = clients(account())
    bucket = make.bucket(owner.account_id)
    backlog = Backlog(lanes, Bucket(bucket, 1, lambda: owner.s3))
    lane = LaneId(SOURCE, "shardId-1", "target")
    messages = [Message(7, part, "clé", f"shardId-1:49.{part:07}", bytes(range(256))) for part in range(3)]

    lanes.append(backlog.store(lane, messages), falls=True)
    lanes.append(backlog.store(lane, messages[:1]), falls=False)
    longer, shorter = sorted(lanes.entries(lane, 9), key=lambda entry: -entry.messages)

    assert backlog.load(longer) == [message._replace(position=0) for message in messages]
    assert backlog.shorten(longer, messages[2:])
    assert not backlog.shorten(longer, messages[1:])
    shortened = next(entry for entry in lanes.entries(lane, 9) if entry.key == longer.key)
    assert (shortened.put_s, shortened.messages) == (longer.put_s, 1)
    assert backlog.load(shortened) == [messages[2]._replace(position=0)]

    backlog.objects.delete([entry.object for entry in (longer, shorter, shortened)])
    assert backlog.load(shorter) is None
    assert len(objects(owner.s3, bucket, "backlog/target/one/shardId-1/49.0000000-")) == 0
    assert now(lanes, lane) == Lane(lane, 2, True, longer.put_s)
