"""A deployed replica in memory: its mapping, its function and its on-failure bucket."""

from __future__ import annotations

from fake_streams import FakeLambda, FakeS3
from fake_table import FakeDynamoDB, table

from operations.table_replica.deployed import Replica

__all__ = ["STREAM", "FakeLambda", "FakeS3", "deployment"]

STREAM = "arn:aws:dynamodb:eu-west-1:444444444444:table/logfile/stream/2026-11-22T10:00:00.000"


def deployment(
    source: FakeDynamoDB, replica: FakeDynamoDB, lambda_: FakeLambda, s3: FakeS3, positions: str | None = None
) -> Replica:
    return Replica(
        source=table(source),
        replica=table(replica, "logfile_replica"),
        positions_table=positions,
        function="ddbreplica_lambda",
        mapping_id="a-mapping",
        failure_bucket="failures",
        lambda_=lambda_,  # type: ignore[arg-type]
        s3=s3,  # type: ignore[arg-type]
    )
