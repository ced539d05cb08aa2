"""Reads what a function could not apply: the batches in an on-failure bucket, whole.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from operations.cross_account_copy.expecting import StreamRecord
from operations.table_replica.redriving import FAILED_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Failures:
    """What one function left in an on-failure bucket; what all of them left when `function` is None."""

    def __init__(self, s3: "S3Client", bucket: str, function: str | None = None) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._function = function
        self._known: set[str] = set()

    def new(self) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
        """The records of failed events, object by object, of those objects that were not there before."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=FAILED_PREFIX)
        for name in [entry["Key"] for page in pages for entry in page.get("Contents", [])]:
            if name in self._known:
                continue
            self._known.add(name)
            stored = json.loads(self._s3.get_object(Bucket=self._bucket, Key=name)["Body"].read())
            if self._function in (None, _function_of(stored["requestContext"]["functionArn"])):
                yield f"s3://{self._bucket}/{name}", json.loads(stored["payload"])["Records"]


def stream_record(event_record: Mapping[str, Any]) -> StreamRecord:
    """A Kinesis record from the form in which Lambda passes it.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html (example event)
    """
    kinesis = event_record["kinesis"]
    return StreamRecord(
        event_record["eventID"].partition(":")[0],
        kinesis["sequenceNumber"],
        kinesis["approximateArrivalTimestamp"],
        b64decode(kinesis["data"]),
    )


def _function_of(arn: str) -> str:
    """The name in a function's ARN, which may end with a version: arn:aws:lambda:region:account:function:name:1."""
    return arn.split(":")[6]
