"""A deployed table replica, as the stories of this package use it."""

import dataclasses
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from handlers.shared.places import POISON_PREFIX
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import Deployment, deploy, prepare
from integration_tests.support.factories import objects
from operations.instruments.functions import StreamFunction
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item, RawDynamoDB
from operations.instruments.redriving import Outcome, Rule, item_key, redrive, refreshed, waiting
from operations.instruments.tables import Table
from operations.instruments.verifying import Report, verify
from operations.table_replica import logfile
from operations.table_replica.deployed import Replica, bulk_of
from operations.table_replica.loading import Loaded, load

INSTANCE = "logfile"
COMMITTED_ACCOUNT, FAR_ACCOUNT = "444444444444", "555555555555"
REGION = "eu-west-1"

# Deletable afterwards, on-demand so that nothing but faults throttles, and a poison item that does not wait for long.
REPLICATOR = {"name": "ddbreplica_lambda", "batchSize": 100, "timeoutSeconds": 60}
CHANGES: Mapping[str, Any] = {
    "deletionProtection": False,
    "source": {"capacity": "on-demand", "timeToLiveAttribute": "expires"},
    "replica": {"capacity": "on-demand"},
    "replicator": REPLICATOR,
}

Eventually = Callable[..., Any]


class Deployed:
    """A replica whose ends are reached as the administrators of their accounts."""

    def __init__(self, deployment: Deployment, cloud: Cloud, stack: str, account: str, replica_account: str) -> None:
        self.engine = deployment.engine
        self.stack = stack
        self.patience, self.many = cloud.patience, cloud.many
        self.account = account
        self.outputs: Mapping[str, Any] = deployment.outputs[stack][INSTANCE]
        self.clients = Clients(cloud.session(account), account, cloud.endpoint, REGION)
        region = self.outputs["replicaRegion"]
        bulk = bulk_of(self.clients.client, self.outputs)
        self.far = Clients(cloud.session(replica_account), replica_account, cloud.endpoint, region)
        self.replica = Replica(
            source=_table(cloud, account, REGION, self.outputs["sourceTableName"]),
            replica=_table(cloud, replica_account, region, self.outputs["replicaTableName"]),
            positions_table=self.outputs["positionsTableName"] or None,
            function=self.outputs["replicatorName"],
            mapping_id=self.outputs["mappingIds"]["replicator"]["stream"],
            failure_bucket=self.outputs["failureBucketName"],
            lambda_=self.clients.lambda_,
            s3=self.clients.s3,
            bulk=bulk,
        )

    def find_mapping(self) -> None:
        """Take notice of a mapping that was made anew."""
        mapping_id = self.engine.outputs(self.stack)[INSTANCE]["mappingIds"]["replicator"]["stream"]
        self.replica = dataclasses.replace(self.replica, mapping_id=mapping_id)

    def load(self, rows: int, seed: int) -> Loaded:
        """Load generated rows into the source."""
        file = io.StringIO()
        logfile.write(file, logfile.generate(rows, seed))
        source = self.replica.source
        return load(source, logfile.read(io.StringIO(file.getvalue()), source), stop=True)

    def put(self, item: Item) -> None:
        self.replica.source.dynamodb.put_item({"TableName": self.replica.source.name, "Item": item})

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.clients.dynamodb.delete_item(TableName=self.replica.source.name, Key={"PK": {"S": key}})

    def update(self, key: str, **attributes: Any) -> None:
        """Set attributes, given in DynamoDB JSON, of an item that need not be there."""
        self.clients.dynamodb.update_item(
            TableName=self.replica.source.name,
            Key={"PK": {"S": key}},
            AttributeUpdates={name: {"Action": "PUT", "Value": value} for name, value in attributes.items()},
        )

    def stream_arn(self) -> str:
        """The source's stream."""
        return str(self.clients.dynamodb.describe_table(TableName=self.replica.source.name)["Table"]["LatestStreamArn"])

    def redrive(self) -> list[Outcome]:
        """Apply what is in the on-failure bucket."""
        found = self.replica
        mapping_ids = (found.mapping_id,)
        function = StreamFunction(found.function, mapping_ids, found.failure_bucket, found.lambda_, found.s3)
        guarded = found.positions_table is not None
        rule = Rule(item_key, None if guarded else lambda _, records: refreshed(records, found.source))
        objects, _ = waiting(found.s3, found.failure_bucket, [found.function])
        return redrive(function, rule, objects, lambda outcome: None)

    def empty(self) -> None:
        """Delete every item of the replica, and the positions, as if nothing of it had been streamed."""
        for name in filter(None, (self.replica.replica.name, self.replica.positions_table)):
            items = self.items(_named(self.replica.replica, name)).values()
            keys = [{key: item[key] for key in self.replica.replica.keys} for item in items]
            for start in range(0, len(keys), 25):
                requests = [{"DeleteRequest": {"Key": key}} for key in keys[start : start + 25]]
                self.far.dynamodb.batch_write_item(RequestItems={name: requests})

    def verify(self, settle_s: float = 5.0) -> Report:
        patience = Patience(settle_s=settle_s * self.patience)
        return verify(self.replica.source, self.replica.replica, patience, RateLimit(None))

    def items(self, table: Table) -> dict[str, Item]:
        """Every item by its partition key, read by boto3 alone."""
        client = self.clients if table is self.replica.source else self.far
        pages = client.dynamodb.get_paginator("scan").paginate(TableName=table.name, ConsistentRead=True)
        return {str([item[key] for key in table.keys]): item for page in pages for item in page["Items"]}

    def equal(self) -> bool:
        """Whether source and replica hold the same items, attribute for attribute."""
        return self.items(self.replica.source) == self.items(self.replica.replica)

    def give_up(self, items: Sequence[Item]) -> None:
        """Store the changes that made these items, as Lambda does what it could not apply before its age."""
        changes = [
            {
                "eventID": f"given-up-{number}",
                "eventName": "MODIFY",
                "eventSourceARN": self.stream_arn(),
                "dynamodb": {
                    "Keys": {name: item[name] for name in self.replica.source.keys},
                    "NewImage": item,
                    "SequenceNumber": f"{number:021}",
                },
            }
            for number, item in enumerate(items, start=1)
        ]
        function = f"arn:aws:lambda:{REGION}:{self.account}:function:{self.replica.function}:$LATEST"
        stored = {
            "requestContext": {"functionArn": function, "condition": "RecordAgeExceeded"},
            "payload": json.dumps({"Records": changes}),
        }
        self.clients.s3.put_object(
            Bucket=self.replica.failure_bucket, Key="aws/lambda/a-mapping/batch", Body=json.dumps(stored).encode()
        )

    def failed_records(self) -> list[dict[str, Any]]:
        """The stream records in the on-failure bucket, whoever put them there."""
        bucket, prefixes = self.replica.failure_bucket, ("aws/lambda/", POISON_PREFIX)
        stored = [body for prefix in prefixes for body in objects(self.clients.s3, bucket, prefix).values()]
        # https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
        return [record for body in stored for record in json.loads(json.loads(body)["payload"])["Records"]]

    def log(self, text: str) -> list[str]:
        """The lines of the replicator's log that hold a text."""
        group = f"/aws/lambda/{self.replica.function}"
        events = self.clients.logs.filter_log_events(logGroupName=group, filterPattern=f'"{text}"')["events"]
        # LocalStack takes no notice of the pattern.
        return [event["message"] for event in events if text in event["message"]]


def bulk(cloud: Cloud, **settings: int) -> dict[str, Any]:
    """The setting `bulk`, where the target has what that deploys."""
    return {} if cloud.lacks("glue") else {"bulk": settings}


def deployed(cloud: Cloud, folder: Path, cleanup: ExitStack, changes: Mapping[str, Any] = CHANGES) -> Deployed:
    """The committed stack `workshop` with changes, in a fresh account."""
    changes = {**bulk(cloud, maximumConcurrency=4), **changes}
    account = cloud.lend_account(cleanup)
    account_ids = {COMMITTED_ACCOUNT: account}
    deployment = deploy(cloud, prepare(cloud, folder, {"workshop": changes}, account_ids), account_ids, cleanup)
    return Deployed(deployment, cloud, "workshop", account, account)


def deployed_far(cloud: Cloud, folder: Path, cleanup: ExitStack) -> Deployed:
    """A guarded replica of an existing table with a key of two attributes, in another account and Region.

    The replica has an index that the source does not have: an item whose `kind` is no text cannot be applied.
    """
    accounts = {known: cloud.lend_account(cleanup) for known in (COMMITTED_ACCOUNT, FAR_ACCOUNT)}
    owner = Clients(cloud.session(accounts[COMMITTED_ACCOUNT]), accounts[COMMITTED_ACCOUNT], cloud.endpoint, REGION)
    table = owner.dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    shape = {
        "deletionProtection": False,
        "guarded": True,
        "externalId": "raven-1",
        "partitionKey": {"name": "id"},
        "sortKey": {"name": "at", "type": "N"},
    }
    by_kind = {"name": "by_kind", "partitionKey": {"name": "kind"}, "capacity": "on-demand"}
    changes = {
        "workshop": {
            **shape,
            "source": {"tableArn": table["TableArn"], "streamArn": table["LatestStreamArn"]},
            "replica": {"stack": "workshop-far"},
            "replicator": REPLICATOR,
            **bulk(cloud),
        },
        "workshop-far": {**shape, "tableName": "orders-replica", "capacity": "on-demand", "indexes": [by_kind]},
    }
    deployment = deploy(cloud, prepare(cloud, folder, changes, accounts), accounts, cleanup)
    return Deployed(deployment, cloud, "workshop", accounts[COMMITTED_ACCOUNT], accounts[FAR_ACCOUNT])


def request_item(number: int, **attributes: Any) -> Item:
    """An item like those of the log file, with more attributes in DynamoDB JSON."""
    return {"PK": {"S": f"request#{number}"}, "GSI_1_PK": {"S": "host#1.2.3.4"}, **attributes}


def keys(numbers: Iterable[int]) -> list[str]:
    return [f"request#{number}" for number in numbers]


def _named(table: Table, name: str) -> Table:
    return Table(table.dynamodb, name)


def _table(cloud: Cloud, account: str, region: str, name: str) -> Table:
    return Table(RawDynamoDB(cloud.session(account), region, endpoint_url=cloud.endpoint), name)
