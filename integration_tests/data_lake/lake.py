"""A deployed data lake, as the stories of this package use it."""

import gzip
import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import Deployment, deploy, prepare
from integration_tests.support.factories import objects
from operations.status.stacks import status

INSTANCE = "lake"
REGION = "us-east-1"  # of the stack files
ONE_ACCOUNT = {"lake": "666666666666"}
TWO_ACCOUNTS = {"lake-consumer": "888888888888", "lake-producer": "777777777777"}

# Deletable afterwards, and an object within a second; two shards, as ten tell nothing more.
QUICK: Mapping[str, Any] = {
    "deletionProtection": False,
    "stream": {"shardCount": 2},
    "delivery": {"bufferSeconds": 1},
    "transform": {"bufferSeconds": 0},
}


class Lake:
    """Both sides: `producer` and `consumer` are the administrators' clients, the same ones in one account."""

    def __init__(self, deployment: Deployment, cloud: Cloud, stacks: Mapping[str, str]) -> None:
        self.engine = deployment.engine
        self.accounts = deployment.accounts
        outputs = {stack: deployment.outputs[stack][INSTANCE] for stack in stacks}
        self.way = next(found for found in outputs.values() if "deliveryStreamName" in found)
        self.store = next(found for found in outputs.values() if "queryWorkgroup" in found)
        consumer, producer = (deployment.accounts[committed] for committed in _ends(stacks))
        self.consumer = Clients(cloud.session(consumer), consumer, cloud.endpoint, REGION)
        self.producer = Clients(cloud.session(producer), producer, cloud.endpoint, REGION)

    def put(self, item: Mapping[str, Any]) -> None:
        """Write an item in DynamoDB's form."""
        self.producer.dynamodb.put_item(TableName=self.way["tableName"], Item=dict(item))

    def object_keys(self, prefix: str = "changes/") -> list[str]:
        """The keys of the lake's objects."""
        return list(objects(self.consumer.s3, self.store["bucketName"], prefix))

    def rows(self) -> list[dict[str, Any]]:
        """Every row of the lake, in the order of the objects' names."""
        stored = objects(self.consumer.s3, self.store["bucketName"], "changes/")
        return [json.loads(line) for body in stored.values() for line in _text(body).splitlines()]

    def count(self) -> int:
        """How many rows there are."""
        stored = objects(self.consumer.s3, self.store["bucketName"], "changes/")
        return sum(body.count(b"\n") for body in stored.values())

    def errors(self) -> list[dict[str, Any]]:
        """Every record under the error prefix."""
        stored = objects(self.consumer.s3, self.store["bucketName"], "errors/")
        return [json.loads(line) for body in stored.values() for line in _text(body).splitlines()]

    def error_log(self) -> list[dict[str, Any]]:
        """What the delivery stream logged."""
        pages = self.producer.logs.get_paginator("filter_log_events").paginate(logGroupName=self.way["errorLogGroup"])
        return [json.loads(event["message"]) for page in pages for event in page["events"]]

    def logged(self) -> set[str]:
        """The error codes in that log."""
        return {entry["errorCode"] for entry in self.error_log()}

    def alarms(self) -> set[str]:
        """The alarms that are on where the table is, by what they watch."""
        return _alarms(self.producer)

    def store_alarms(self) -> set[str]:
        """Those where the lake is."""
        return _alarms(self.consumer)

    def problems(self, stack: str) -> str:
        """What `tributary status` finds of a stack."""
        return "\n".join(f"{one.resource}: {one.problem}" for one in status(self.engine, [stack]).stacks[0].findings)


def deployed_lake(
    cloud: Cloud,
    folder: Path,
    cleanup: ExitStack,
    stacks: Mapping[str, str],
    changes: Mapping[str, Any] = QUICK,
) -> Lake:
    """Deploy the stacks into fresh accounts, which take the place of the committed ones in `changes` as well."""
    account_ids = {committed: cloud.lend_account(cleanup) for committed in stacks.values()}
    said = json.dumps(changes)
    for committed, used in account_ids.items():
        said = said.replace(committed, used)
    engine = prepare(cloud, folder, {stack: _said_by(stack, json.loads(said)) for stack in stacks}, account_ids)
    return Lake(deploy(cloud, engine, account_ids, cleanup), cloud, stacks)


def designations(rows: Iterable[Mapping[str, Any]], key: str = "864732") -> list[tuple[str, str]]:
    """Name and designation of an item at each of its changes, in the order of the changes."""
    of_item = sorted((row for row in rows if row["id"] == key), key=lambda row: str(row["change_order"]))
    return [(row["name"], row["designation"]) for row in of_item]


def _alarms(clients: Clients) -> set[str]:
    found = clients.cloudwatch.describe_alarms(StateValue="ALARM", AlarmNamePrefix=f"tributary-{INSTANCE}-")
    return {alarm["AlarmName"].removeprefix(f"tributary-{INSTANCE}-") for alarm in found["MetricAlarms"]}


def _ends(stacks: Mapping[str, str]) -> tuple[str, str]:
    """The accounts of consumer and producer."""
    return next(iter(stacks.values())), list(stacks.values())[-1]


def _said_by(stack: str, changes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The consumer's side has nothing that moves, and alone says what its producer is."""
    moving = {"stream", "delivery", "transform", "table", "network", "bulk"}
    standing = {"producer"}
    other = {"lake-consumer": moving, "lake-producer": standing}.get(stack, standing)
    return {key: value for key, value in changes.items() if key not in other}


def _text(body: bytes) -> str:
    return (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()
