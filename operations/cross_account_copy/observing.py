"""Reads what a copy holds: every item of its tables, every line of its bucket."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from operations.cross_account_copy.compression import decompress
from operations.cross_account_copy.expecting import Item, parse

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

SEGMENTS = 4


def table_items(dynamodb: "DynamoDBClient", table_name: str) -> list[Item]:
    """Every item of a table, by a parallel strongly consistent scan."""
    deserialize = TypeDeserializer().deserialize

    def segment(number: int) -> list[Item]:
        return [
            {name: deserialize(value) for name, value in item.items()}
            for page in _pages(dynamodb, table_name, number)
            for item in page["Items"]
        ]

    with ThreadPoolExecutor(SEGMENTS) as threads:
        return [item for items in threads.map(segment, range(SEGMENTS)) for item in items]


def item_count(dynamodb: "DynamoDBClient", table_name: str) -> int:
    """How many items a table has, without reading them: up to date on a local cloud, up to six hours old on AWS.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html (ItemCount)
    """
    return dynamodb.describe_table(TableName=table_name)["Table"]["ItemCount"]


def _pages(dynamodb: "DynamoDBClient", table_name: str, segment: int) -> Iterator[Any]:
    paginator = dynamodb.get_paginator("scan")
    return iter(paginator.paginate(TableName=table_name, ConsistentRead=True, Segment=segment, TotalSegments=SEGMENTS))


class Lake:
    """The lines under a prefix of a bucket. An object never changes once it is there, so each is read once."""

    def __init__(self, s3: "S3Client", bucket_name: str, prefix: str, compression: str = "UNCOMPRESSED") -> None:
        self._s3 = s3
        self._bucket_name = bucket_name
        self._prefix = prefix
        self._compression = compression
        self._lines: dict[str, list[bytes]] = {}

    def lines(self) -> list[bytes]:
        """Every line there is now."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket_name, Prefix=self._prefix)
        for key in [entry["Key"] for page in pages for entry in page.get("Contents", [])]:
            if key not in self._lines:
                body = self._s3.get_object(Bucket=self._bucket_name, Key=key)["Body"].read()
                self._lines[key] = decompress(body, self._compression).splitlines()
        return [line for lines in self._lines.values() for line in lines]

    def items(self) -> list[Item]:
        """Every line as an item."""
        return [parse(line) for line in self.lines()]

    @property
    def object_count(self) -> int:
        """How many objects have been read."""
        return len(self._lines)


def duplicates(items: list[Item]) -> int:
    """How many lines are there more than once: delivery to the bucket is at least once."""
    keys = Counter((item["seqNumbershardIdHash"], item["sequenceNumber"]) for item in items)
    return sum(count - 1 for count in keys.values())
