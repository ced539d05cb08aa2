"""Reads Kinesis streams from a time on: as the records that Lambda would hand to the function."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from operations.instruments.rates import RateLimit

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# Half of what a shard gives: five calls and 2 MB a second, shared with whoever else reads it, the function first.
# https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
CALLS_PER_S = 2.5
BYTES_PER_S = 1_000_000
# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html takes up to 10,000; a page is held whole.
PAGE_RECORDS = 5_000

Page = list[Mapping[str, Any]]


def pages(kinesis: "KinesisClient", name: str, since: datetime | None) -> Iterator[tuple[str, Page]]:
    """Every shard with what arrived in it from a time on, or from its horizon, up to where it stands now, in order."""
    start: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
    if since is not None:
        start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
    for shard_id in _shard_ids(kinesis, name):
        for page in _pages(kinesis, name, shard_id, start):
            yield shard_id, page


def lambda_records(source_arn: str, shard_id: str, page: Page) -> list[Mapping[str, Any]]:
    """Records as the function gets them.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """
    return [
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"],
                "data": b64encode(record["Data"]).decode(),
                "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard_id}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "awsRegion": source_arn.split(":")[3],
            "eventSourceARN": source_arn,
        }
        for record in page
    ]


def _shard_ids(kinesis: "KinesisClient", name: str) -> list[str]:
    """Every shard. The API takes the stream's name or the token of the next page, and not both, as botocore's paginator
    would send them: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html
    """
    page = kinesis.list_shards(StreamName=name)
    found = [shard["ShardId"] for shard in page["Shards"]]
    while token := page.get("NextToken"):
        page = kinesis.list_shards(NextToken=token)
        found += [shard["ShardId"] for shard in page["Shards"]]
    return found


def _pages(kinesis: "KinesisClient", name: str, shard_id: str, start: Mapping[str, Any]) -> Iterator[Page]:
    calls, size_bytes = RateLimit(CALLS_PER_S), RateLimit(BYTES_PER_S)
    try:
        answer = kinesis.get_shard_iterator(StreamName=name, ShardId=shard_id, **start)
    except kinesis.exceptions.ResourceNotFoundException:
        # Closed, and all that it had is older than the horizon: it is gone since it was listed.
        return
    iterator: str | None = answer["ShardIterator"]
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator, Limit=PAGE_RECORDS)
        records: Page = list(page["Records"])
        if records:
            yield records
        iterator = page.get("NextShardIterator")
        if page["MillisBehindLatest"] == 0:
            return
        calls.spend(1)
        size_bytes.spend(sum(len(record["Data"]) for record in records))
