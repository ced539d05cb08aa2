"""A deployed shared stream and its subscribers, as the stories of this package use them."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import PROJECT, Deployment, deploy, prepare
from operations.cross_account_copy.sending import Record, Sent, send

INSTANCE = "shared-stream"
OWNER, SUBSCRIBER, SECOND = "111111111111", "222222222222", "333333333333"
REGION = "eu-west-1"

# Retried until the story has healed what it broke.
PATIENT = {"batchSize": 100, "timeoutSeconds": 60, "maximumRetryAttempts": 10_000}


class Shared:
    """The owner's stream and two subscribers in other accounts: one with a consumer, one on shared throughput."""

    def __init__(self, deployment: Deployment, cloud: Cloud) -> None:
        self.engine = deployment.engine
        self.accounts = deployment.accounts
        self.owner = deployment.outputs["stream-owner"][INSTANCE]
        self.owner_account, self.subscriber, self.second = (
            Clients(cloud.session(account), account, cloud.endpoint, REGION)
            for account in (deployment.accounts[known] for known in (OWNER, SUBSCRIBER, SECOND))
        )
        self.group = deployment.outputs["stream-subscriber"][INSTANCE]["logGroupName"]
        self.sent: list[Sent] = []

    def put(self, records: list[Record]) -> list[Sent]:
        """Put records into the owner's stream."""
        sent = send(self.owner_account.kinesis, self.owner["streamName"], records)
        self.sent += sent
        return sent

    def logged(self, account: Clients) -> dict[str, list[str]]:
        """The sequence numbers in a subscriber's log, by shard, in the order of the log; a repeated one counts once."""
        found: dict[str, dict[str, None]] = {}
        pages = account.logs.get_paginator("filter_log_events").paginate(logGroupName=self.group)
        for event in (event for page in pages for event in page["events"]):
            if event["message"].startswith('{"shardId"'):
                line = json.loads(event["message"])
                found.setdefault(line["shardId"], {})[line["sequenceNumber"]] = None
        return {shard: list(numbers) for shard, numbers in found.items()}

    @property
    def expected(self) -> dict[str, list[str]]:
        """The sequence numbers of everything sent, by shard, in the order of the shard."""
        found: dict[str, list[str]] = {}
        for one in self.sent:
            found.setdefault(one.shard_id, []).append(one.sequence_number)
        return {shard: sorted(numbers, key=int) for shard, numbers in found.items()}

    def mapping(self, account: Clients) -> dict[str, Any]:
        """The subscriber's event source mapping."""
        [found] = account.lambda_.list_event_source_mappings()["EventSourceMappings"]
        return dict(found)


def deployed(cloud: Cloud, folder: Path, cleanup: ExitStack) -> Shared:
    """Deploy the owner with two shards, and both subscribers."""
    account_ids = {committed: cloud.lend_account(cleanup) for committed in (OWNER, SUBSCRIBER, SECOND)}
    subscribers = {
        "subscriber": {"accountId": account_ids[SUBSCRIBER]},
        "second": {"accountId": account_ids[SECOND], "enhancedFanOut": False},
    }
    function = {"name": "kds-cross-account-stream-efo-consumer", **PATIENT}
    quick = {"deletionProtection": False, "function": function}
    changes: Mapping[str, Mapping[str, Any]] = {
        "stream-owner": {"deletionProtection": False, "subscribers": subscribers, "shardCount": 2},
        "stream-subscriber": quick,
    }
    engine = prepare(cloud, folder, changes, account_ids, derived={"stream-second": second_subscriber(account_ids)})
    return Shared(deploy(cloud, engine, account_ids, cleanup), cloud)


def second_subscriber(account_ids: Mapping[str, str]) -> str:
    """A stack file of one more account, on shared throughput."""
    content = yaml.safe_load((PROJECT / "Pulumi.stream-subscriber.yaml").read_text().replace(SUBSCRIBER, SECOND))
    settings = content["config"]["tributary:architectures"][INSTANCE]
    function = {"name": "kds-cross-account-stream-efo-consumer", **PATIENT}
    settings |= {"subscriber": "second", "enhancedFanOut": False, "deletionProtection": False, "function": function}
    return str(yaml.safe_dump(content)).replace(SECOND, account_ids[SECOND])


def numbered(count: int, start: int = 0) -> list[Record]:
    """Records over many partition keys."""
    return [Record(f"key-{number % 37}", f"record {number}".encode()) for number in range(start, start + count)]
