"""A deployed fan-out platform and the partner that receives from it, as the stories of this package use them."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from handlers.fan_out.rows import Value, item_of
from handlers.shared.report import NAMESPACE
from integration_tests.support import alarms
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.deployments import Deployment, deploy, prepare
from operations.cross_account_copy.sending import Record, send

INSTANCE = "fan-out"
PLATFORM, PARTNER = "111111111111", "222222222222"
REGION = "eu-west-1"


class FannedOut:
    """The platform and the partner of the committed stack files, in accounts of their own."""

    def __init__(self, deployment: Deployment, cloud: Cloud) -> None:
        self.engine = deployment.engine
        self.accounts = deployment.accounts
        self.outputs = deployment.outputs["platform"][INSTANCE]
        self.received = deployment.outputs["partner"][INSTANCE]
        self.platform, self.partner = (
            Clients(cloud.session(account), account, cloud.endpoint, REGION)
            for account in (deployment.accounts[known] for known in (PLATFORM, PARTNER))
        )
        self.put_so_far: list[Record] = []

    @property
    def source_arn(self) -> str:
        """The ARN of the stream that feeds the platform."""
        return str(self.outputs["sources"]["inputStream"])

    def put(self, records: Sequence[Record]) -> None:
        """Put records into the stream that feeds the platform."""
        send(self.platform.kinesis, "inputStream", records)
        self.put_so_far += records

    def register(self, target_id: str, **options: Value) -> None:
        """Write a row of the mapping table; in force when it is read next."""
        item = item_of({"sourceArn": self.source_arn, "id": target_id, "active": True, **options})
        self.platform.dynamodb.put_item(TableName=self.outputs["targetsTableName"], Item=item)

    def unregister(self, target_id: str) -> None:
        """Delete a row of the mapping table."""
        key = item_of({"sourceArn": self.source_arn, "id": target_id})
        self.platform.dynamodb.delete_item(TableName=self.outputs["targetsTableName"], Key=key)

    def count_delivered(self, target_id: str, count: int, at: datetime) -> None:
        """Have the platform's functions count deliveries to a target at a time."""
        dimensions = {"FunctionName": self.outputs["functionName"], "Target": target_id}
        self.platform.cloudwatch.put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {
                    "MetricName": "Delivered",
                    "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
                    "Timestamp": at,
                    "Value": count,
                }
            ],
        )

    def alarms(self) -> set[str]:
        """The platform's alarms that are on."""
        prefix = f"tributary-{INSTANCE}-"
        return {name.removeprefix(prefix) for name, state in alarms.states(self.platform).items() if state == "ALARM"}

    def arrived(self, target_id: str) -> list[Record]:
        """What is in the stream of `partner` or of `target1`, in order."""
        account, name = {
            "partner": (self.partner, "partnerStream"),
            "target1": (self.platform, "outputStream"),
        }[target_id]
        [shard] = account.kinesis.list_shards(StreamName=name)["Shards"]
        where = {"StreamName": name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = account.kinesis.get_shard_iterator(**where)["ShardIterator"]
        found: list[Record] = []
        while True:
            answer = account.kinesis.get_records(ShardIterator=iterator)
            found += [Record(one["PartitionKey"], one["Data"]) for one in answer["Records"]]
            if not answer["Records"]:
                return found
            iterator = answer["NextShardIterator"]

    def behind(self) -> set[str]:
        """The targets that are behind."""
        items = self.platform.dynamodb.query(
            TableName=self.outputs["lanesTableName"],
            IndexName="behind",
            KeyConditionExpression="behind = :behind",
            ExpressionAttributeValues={":behind": {"S": "1"}},
        )["Items"]
        return {item["item"]["S"].split("#")[2] for item in items}


def deployed(
    cloud: Cloud, folder: Path, cleanup: ExitStack, changes: Callable[[Clients], Mapping[str, Any]] = lambda _: {}
) -> FannedOut:
    """Deploy both stacks; `changes` makes settings of the platform, in whose account nothing is deployed yet."""
    account_ids = {committed: cloud.lend_account(cleanup) for committed in (PLATFORM, PARTNER)}
    own = Clients(cloud.session(account_ids[PLATFORM]), account_ids[PLATFORM], cloud.endpoint, REGION)
    settings: Mapping[str, Mapping[str, Any]] = {
        "platform": {"deletionProtection": False, **changes(own)},
        "partner": {"deletionProtection": False, "platform": {"accountId": account_ids[PLATFORM]}},
    }
    engine = prepare(cloud, folder, settings, account_ids)
    return FannedOut(deploy(cloud, engine, account_ids, cleanup), cloud)
