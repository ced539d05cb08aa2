"""What can be known to go wrong with a data lake before any of it is deployed."""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from components.data_lake.far_sides import LakeAccess
from components.data_lake.layout import Layout
from components.data_lake.prefixes import static_part
from components.data_lake.settings import ConsumingSettings, ProducerSettings, ProducingSettings
from components.data_lake.way_settings import ExistingTable
from components.settings import Architecture
from operations.access import account_of
from operations.engine import Engine
from operations.errors import StackError
from operations.stacks import Stack


def check(engine: Engine, stack: Stack) -> None:
    """Look at the tables and buckets that the stack names and does not make, and at what its own lakes have already.

    Raises StackError.
    """
    for name, settings in stack.architectures.items():
        if problem := next(_problems(engine, stack, name, settings), None):
            raise StackError(f"{stack.file}: `{name}.{problem}")


def _problems(engine: Engine, stack: Stack, name: str, settings: Architecture) -> Iterator[str]:
    if isinstance(settings, ProducingSettings) and isinstance(settings.table, ExistingTable):
        yield from _of_table(account_of(engine, stack).client("dynamodb"), stack, settings, settings.table)
    if isinstance(settings, ProducerSettings) and isinstance(settings.lake, LakeAccess):
        yield from _of_bucket(account_of(engine, stack).client("s3"), stack, settings.lake)
    if isinstance(settings, ConsumingSettings):
        deployed = engine.outputs(stack.name).get(name, {})
        if other_format(deployed, settings.layout):
            yield from _of_objects(account_of(engine, stack).client("s3"), deployed, settings.layout)


def other_format(deployed: Mapping[str, Any], layout: Layout) -> bool:
    """Whether a lake with these outputs would get objects of another format into the folder that it has."""
    return "layout" in deployed and layout.mixes_with(Layout.model_validate(deployed["layout"]))


def _of_objects(s3: Any, deployed: Mapping[str, Any], layout: Layout) -> Iterator[str]:
    """The table of the catalogue reads objects of one format: those of the other one are out of its way."""
    before, bucket = Layout.model_validate(deployed["layout"]), deployed["bucketName"]
    folder = static_part(before.prefix)
    if s3.list_objects_v2(Bucket=bucket, Prefix=folder, MaxKeys=1)["KeyCount"]:
        yield (
            f"layout.format` is {layout.format!r}, but `{folder}` of the bucket {bucket} has objects of "
            f"{before.format!r}, and a table reads objects of one format. Type `aws s3 mv --recursive "
            f"s3://{bucket}/{folder} s3://{bucket}/{folder.rstrip('/')}-{before.format}/` and the same command again, "
            f"or say `layout.prefix: {layout.prefix_of_its_own}`."
        )


def _of_table(dynamodb: Any, stack: Stack, settings: ProducingSettings, existing: ExistingTable) -> Iterator[str]:
    arn, name = existing.table_arn, existing.name
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


def _of_bucket(s3: Any, stack: Stack, lake: LakeAccess) -> Iterator[str]:
    bucket = lake.bucket_name
    try:
        headers = s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPHeaders"]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            yield (
                f"lake.bucketName` is {bucket!r}, but there is no such bucket. Correct it, or ask account "
                f"{lake.account_id} to deploy its side first: docs/data-lake.md says what it grants."
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
