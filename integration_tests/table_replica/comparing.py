"""Two tables with keys of any kind, and what a comparison by Athena needs, made without a deployment."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from integration_tests.support.addressing import Clients, Cloud
from operations.instruments.exporting import ExportBucket
from operations.instruments.raw import Item, RawDynamoDB
from operations.instruments.tables import Table
from operations.table_replica.deployed import Bulk, Replica

LIMIT_BYTES = 100_000_000


class Pair:
    """A source and a replica with the same keys: names to types, the partition key first."""

    def __init__(self, cloud: Cloud, owner: Clients, make: Any, unique: Callable[[str], str], keys: dict[str, str]):
        self.keys, self.owner = keys, owner
        self._cloud = cloud
        schema = {
            "KeySchema": [
                {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()],
        }
        names = [make.table(owner.account_id, **schema)["TableName"] for _ in range(2)]
        for name in names:
            owner.dynamodb.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        self.source, self.replica = (self._table(owner, name) for name in names)
        bucket = make.bucket(owner.account_id)
        key_arn = owner.kms.create_key()["KeyMetadata"]["Arn"]
        self.database, self.workgroup = unique("compared").replace("-", "_"), unique("compared")
        owner.glue.create_database(DatabaseInput={"Name": self.database})
        owner.athena.create_work_group(
            Name=self.workgroup,
            Configuration={
                "EnforceWorkGroupConfiguration": True,
                "BytesScannedCutoffPerQuery": LIMIT_BYTES,
                "ResultConfiguration": {"OutputLocation": f"s3://{bucket}/athena/"},
            },
        )
        self.bucket = ExportBucket(bucket, owner.account_id, key_arn)

    def replica_of(self, who: Clients) -> Replica:
        """The pair as operations see it, as this identity."""
        return Replica(
            source=self._table(who, self.source.name),
            replica=self._table(who, self.replica.name),
            positions_table=None,
            function="",
            mapping_id="",
            failure_bucket="",
            lambda_=who.lambda_,
            s3=who.s3,
        )

    def bulk_of(self, who: Clients, limit_bytes: int = LIMIT_BYTES) -> Bulk:
        outputs = {
            "queryDatabase": self.database, "queryWorkgroup": self.workgroup, "scanLimitBytes": limit_bytes
        }  # fmt: skip
        return Bulk(self.bucket, outputs, partial(_client, who))

    def put(self, table: Table, items: Iterable[Item]) -> None:
        batch = [{"PutRequest": {"Item": item}} for item in items]
        for start in range(0, len(batch), 25):
            table.dynamodb.batch_write_item({"RequestItems": {table.name: batch[start : start + 25]}})

    def delete(self, table: Table, items: Iterable[Item]) -> None:
        for item in items:
            request = {"DeleteRequest": {"Key": {name: item[name] for name in self.keys}}}
            table.dynamodb.batch_write_item({"RequestItems": {table.name: [request]}})

    def _table(self, who: Clients, name: str) -> Table:
        return Table(RawDynamoDB(who.session, who.region, endpoint_url=self._cloud.endpoint), name)


def _client(who: Clients, service: str) -> Any:
    return getattr(who, service)
