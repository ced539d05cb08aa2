"""A deployed cross-account copy, as the stories of this package use it."""

import base64
import json
import random
import string
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from handlers.shared.places import POISON_PREFIX
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import Deployment, deploy, prepare
from integration_tests.support.factories import objects
from operations.cross_account_copy.comparing import Difference, difference
from operations.cross_account_copy.expecting import Item, Key, by_key, expected_items
from operations.cross_account_copy.observing import Lake, table_items
from operations.cross_account_copy.sending import Record, Sent, send

INSTANCE = "web-analytics"
COMMITTED_ACCOUNTS = {"poc": "999999999999", "prod": "111111111111"}

# Deletable afterwards, and objects within a second.
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "poc": {
        "deletionProtection": False,
        "capacity": "on-demand",
        "delivery": {"bufferSeconds": 1},
    },
    "prod": {
        "deletionProtection": False,
    },
}


class Copy:
    """Both sides deployed into accounts of their own: `prod` and `poc` are the administrators' clients."""

    def __init__(self, deployment: Deployment, cloud: Cloud) -> None:
        self.engine = deployment.engine
        self.accounts = deployment.accounts
        self.source: Mapping[str, Any] = deployment.outputs["prod"][INSTANCE]
        self.target: Mapping[str, Any] = deployment.outputs["poc"][INSTANCE]
        # The Region of the stack files.
        self.prod, self.poc = (
            Clients(cloud.session(account), account, cloud.endpoint, "eu-west-1")
            for account in (deployment.accounts["111111111111"], deployment.accounts["999999999999"])
        )
        self._sent: list[Sent] = []

    def put(self, records: Sequence[Record]) -> list[Sent]:
        """Put records that must arrive."""
        sent = send(self.prod.kinesis, self.source["streamName"], records)
        self._sent += sent
        return sent

    def put_poison(self, data: bytes) -> Sent:
        """Put one record that can never be applied."""
        [sent] = send(self.prod.kinesis, self.source["streamName"], [Record("poison", data)])
        return sent

    @property
    def expected(self) -> dict[Key, Item]:
        """Every item that must be at the far end now."""
        return expected_items(self._sent)

    def table_difference(self) -> Difference:
        """How the tables differ from what was put."""
        items = [item for table in self.target["tables"].values() for item in table_items(self.poc.dynamodb, table)]
        return difference(self.expected, by_key(items))

    def lake_difference(self) -> Difference:
        """How the bucket's lines differ from what was put."""
        lake = Lake(self.poc.s3, self.target["bucketName"], "prod-kinesis-data")
        return difference(self.expected, by_key(lake.items()))

    def failed_source_records(self) -> list[bytes]:
        """The data of every record in the copier's on-failure bucket, whoever put it there."""
        return [data for payload in self._failures() for data in _kinesis_data(payload)]

    def _failures(self) -> list[dict[str, Any]]:
        bucket = self.source["failureBucketName"]
        prefixes = ("aws/lambda/", POISON_PREFIX)
        return [json.loads(body) for prefix in prefixes for body in objects(self.prod.s3, bucket, prefix).values()]


def deployed_copy(
    cloud: Cloud, folder: Path, cleanup: ExitStack, changes: Mapping[str, Mapping[str, Any]] = CHANGES
) -> Copy:
    """Deploy both sides into two fresh accounts."""
    account_ids = {committed: cloud.lend_account(cleanup) for committed in COMMITTED_ACCOUNTS.values()}
    engine = prepare(cloud, folder, changes, account_ids)
    return Copy(deploy(cloud, engine, account_ids, cleanup), cloud)


def clicks(count: int, seed: int) -> list[Record]:
    """Web events of every JSON type, the same for the same seed."""
    randomness = random.Random(seed)
    return [Record(event["useremail_"], json.dumps(event).encode()) for event in _events(count, randomness)]


def _events(count: int, randomness: random.Random) -> list[dict[str, Any]]:
    return [
        {
            "event": randomness.choice(["page view", "click", "käufe ☂"]),
            "useremail_": f"user{randomness.randrange(40)}@example.com",
            "userid": f"{randomness.randrange(10**6)}",
            "nanotimestamp_": f"{1_480_000_000_000_000_000 + randomness.randrange(10**15)}",
            "amount": randomness.choice([0, -1, 10**20, 0.1, 1e-7, 12345.678901234567]),
            "member": randomness.random() < 0.5,
            "referrer": randomness.choice([None, "", "search"]),
            "path": [randomness.choice(string.ascii_lowercase) for _ in range(randomness.randrange(4))],
            "browser": {"name": "Firefox", "version": randomness.randrange(200), "plugins": [], "os": None, "tag": ""},
        }
        for _ in range(count)
    ]


def _kinesis_data(failure: Mapping[str, Any]) -> list[bytes]:
    # https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    return [base64.b64decode(record["kinesis"]["data"]) for record in json.loads(failure["payload"])["Records"]]


Eventually = Callable[..., Any]
EQUAL = Difference([], [], [])
