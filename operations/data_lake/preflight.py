"""What can be known to go wrong with a data lake before any of it is deployed."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from components.data_lake.far_sides import LakeAccess
from components.data_lake.settings import ProducerSettings, ProducingSettings
from components.data_lake.way_settings import ExistingTable
from operations.access import account_of
from operations.engine import Engine
from operations.errors import StackError
from operations.stacks import Stack


def check(engine: Engine, stack: Stack) -> None:
    """Look at the tables and buckets that the stack names and does not make. Raises StackError."""
    for name, settings in stack.architectures.items():
        if not isinstance(settings, ProducingSettings):
            continue
        existing = isinstance(settings.table, ExistingTable)
        literal = isinstance(settings, ProducerSettings) and isinstance(settings.lake, LakeAccess)
        if not (existing or literal):
            continue
        account = account_of(engine, stack)
        problems = [
            *_of_table(account.client("dynamodb"), stack, settings),
            *_of_bucket(account.client("s3"), stack, settings),
        ]
        if problems:
            raise StackError(f"{stack.file}: `{name}.{problems[0]}")


def _of_table(dynamodb: Any, stack: Stack, settings: ProducingSettings) -> Iterator[str]:
    if not isinstance(settings.table, ExistingTable):
        return
    arn, name = settings.table.table_arn, settings.table.name
    if arn.split(":")[3:5] != [stack.region, stack.account_id]:
        yield (
            f"table.tableArn` is {arn!r}, but the stack is in account {stack.account_id}, {stack.region}: DynamoDB "
            "streams to Kinesis within an account and a Region. Deploy where the table is."
        )
        return
    try:
        table = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        yield f"table.tableArn` is {arn!r}, but there is no such table. Correct it, or say `table: {{tableName: …}}`."
        return
    yield from wrong_keys(table, settings)
    found = dynamodb.describe_kinesis_streaming_destination(TableName=name)["KinesisDataStreamDestinations"]
    yield from other_destinations(found, settings)


def wrong_keys(table: Mapping[str, Any], settings: ProducingSettings) -> Iterator[str]:
    """The keys of the table that is there are those of the stack file."""
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    keys = {one["AttributeName"]: types[one["AttributeName"]] for one in table["KeySchema"]}
    if keys != settings.keys:
        words = [
            f"{setting}: {{name: {name}, type: {kind}}}"
            for setting, (name, kind) in zip(("partitionKey", "sortKey"), keys.items(), strict=False)
        ]
        yield f"partitionKey` and `sortKey` are not those of the table {table['TableName']}. Say `{', '.join(words)}`."


def other_destinations(found: list[Mapping[str, Any]], settings: ProducingSettings) -> Iterator[str]:
    """The table streams to no other stream than this one's."""
    own = f":stream/{settings.stream_name}"
    for one in found:
        if one["DestinationStatus"] not in ("DISABLED", "ENABLE_FAILED") and not one["StreamArn"].endswith(own):
            yield (
                f"table.tableArn`: {settings.table.name} streams to {one['StreamArn']} already. Its records would be "
                "paid for twice, and DynamoDB may refuse another stream. Type `aws dynamodb "
                f"disable-kinesis-streaming-destination --table-name {settings.table.name} --stream-arn "
                f"{one['StreamArn']}` when nobody needs it any more."
            )


def _of_bucket(s3: Any, stack: Stack, settings: ProducingSettings) -> Iterator[str]:
    if not (isinstance(settings, ProducerSettings) and isinstance(settings.lake, LakeAccess)):
        return
    bucket = settings.lake.bucket_name
    try:
        headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            yield (
                f"lake.bucketName` is {bucket!r}, but there is no such bucket. Correct it, or ask account "
                f"{settings.lake.account_id} to deploy its side first: docs/data-lake.md says what it grants."
            )
            return
        # Somebody else's bucket does not let this account list it, and says where it is all the same.
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
        headers = error.response["ResponseMetadata"]["HTTPHeaders"]
    region = headers.get("x-amz-bucket-region", stack.region)
    if region != stack.region:
        yield (
            f"lake.bucketName` is {bucket!r}, which is in {region}, but the stack is in {stack.region}: the bucket, "
            "its key and the delivery stream must be in one Region. Deploy there, or replicate the bucket."
        )
