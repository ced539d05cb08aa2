"""A Firehose delivery stream into a bucket, with its role and its error log."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policies import Statement, document, statement, trusts_service, uses_key
from components.regions import partition_of

ERROR_LOG_STREAM = "DestinationDelivery"
# What Firehose takes for a transformation unless it is told, with the delivery stream's own role. The provider keeps
# none of it in its state, and would change the delivery stream at every deployment if it were said.
# https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/kinesis_firehose_delivery_stream
TAKEN_UNLESS_SAID = {"NumberOfRetries": "3", "BufferSizeInMBs": "1", "BufferIntervalInSeconds": "60"}


@dataclass(frozen=True, kw_only=True)
class StreamSource:
    """A Kinesis stream that is read instead of direct puts, and the key that encrypts it."""

    stream_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class Transformation:
    """The function that gets records in batches of `buffer_mb` (0.2 to 3) or `buffer_seconds` (0 to 900).

    It is tried `retries` times more before a batch is delivered to the error prefix.
    https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
    """

    function_arn: pulumi.Input[str]
    buffer_mb: float
    buffer_seconds: int
    retries: int


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """Parquet with the columns of a table of the Glue catalogue."""

    database: pulumi.Input[str]
    table: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class BucketDeliveryArgs:
    """`buffer_mb` (1 to 128) and `buffer_seconds` (0 to 900): whichever is reached first delivers one object.

    `key_arn` encrypts the objects and `log_key_arn` the error log. `partitioned` says that the prefix has
    `!{partitionKeyFromLambda:…}`, whose value the function gives.
    https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
    https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning-partitioning-keys.html
    """

    delivery_stream_name: str
    bucket_arn: pulumi.Input[str]
    bucket_ready: list[pulumi.Resource]
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str
    prefix: str
    error_prefix: str
    buffer_mb: int
    buffer_seconds: int
    compression: str
    log_retention_days: int
    log_key_arn: pulumi.Input[str] | None = None
    role_name: str | None = None
    source: StreamSource | None = None
    transformation: Transformation | None = None
    partitioned: bool = False
    conversion: Conversion | None = None
    protect: bool = False


class BucketDelivery(pulumi.ComponentResource):
    """Records arrive in the bucket, buffered; what cannot be delivered is logged and kept under the error prefix."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: BucketDeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:BucketDelivery", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/kinesisfirehose/{args.delivery_stream_name}",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.log_key_arn,
            opts=child,
        )
        errors = aws.cloudwatch.LogStream(f"{name}-errors", name=ERROR_LOG_STREAM, log_group_name=logs.name, opts=child)
        role = aws.iam.Role(
            f"{name}-role",
            name=args.role_name,
            assume_role_policy=trusts_service("firehose", args.account_id),
            opts=child,
        )
        # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            role=role.name,
            policy=document(
                [
                    statement(
                        ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], args.bucket_arn
                    ),
                    statement(
                        ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                        # Firehose appends to both prefixes, from their first expression on.
                        [
                            pulumi.Output.concat(args.bucket_arn, "/", prefix.partition("!{")[0], "*")
                            for prefix in (args.prefix, args.error_prefix)
                        ],
                    ),
                    uses_key(args.key_arn, ["GenerateDataKey", "Decrypt"], "s3", args.region),
                    statement(["logs:PutLogEvents"], pulumi.Output.concat(logs.arn, ":log-stream:*")),
                    *_reads_source(args),
                    *_transforms(args),
                    *_converts(args),
                ]
            ),
            opts=child,
        )
        delivery = aws.kinesis.FirehoseDeliveryStream(
            f"{name}-delivery-stream",
            name=args.delivery_stream_name,
            destination="extended_s3",
            kinesis_source_configuration={"kinesis_stream_arn": args.source.stream_arn, "role_arn": role.arn}
            if args.source
            else None,
            extended_s3_configuration={
                "bucket_arn": args.bucket_arn,
                "role_arn": role.arn,
                "prefix": args.prefix,
                "error_output_prefix": args.error_prefix,
                "buffering_size": args.buffer_mb,
                "buffering_interval": args.buffer_seconds,
                "compression_format": args.compression,
                "kms_key_arn": args.key_arn,
                "cloudwatch_logging_options": {
                    "enabled": True,
                    "log_group_name": logs.name,
                    "log_stream_name": errors.name,
                },
                "processing_configuration": _processing(args),
                "dynamic_partitioning_configuration": {"enabled": True} if args.partitioned else None,
                "data_format_conversion_configuration": _conversion(args, role.arn),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, *args.bucket_ready], protect=args.protect),
        )

        self.name = delivery.name
        self.arn = delivery.arn
        self.role_arn = role.arn
        self.register_outputs({"name": self.name, "arn": self.arn, "roleArn": self.role_arn})


def _reads_source(args: BucketDeliveryArgs) -> list[Statement]:
    # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3 (a Kinesis stream as source)
    if args.source is None:
        return []
    actions = ["DescribeStream", "GetRecords", "GetShardIterator", "ListShards"]
    return [
        statement([f"kinesis:{action}" for action in actions], args.source.stream_arn),
        uses_key(args.source.key_arn, ["Decrypt"], "kinesis", args.region),
    ]


def _transforms(args: BucketDeliveryArgs) -> list[Statement]:
    if args.transformation is None:
        return []
    return [statement(["lambda:InvokeFunction", "lambda:GetFunctionConfiguration"], _version(args.transformation))]


def _converts(args: BucketDeliveryArgs) -> list[Statement]:
    # https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-glue
    if args.conversion is None:
        return []
    catalogue = pulumi.Output.concat(f"arn:{partition_of(args.region)}:glue:{args.region}:", args.account_id, ":")
    return [
        statement(
            ["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
            [
                pulumi.Output.concat(catalogue, "catalog"),
                pulumi.Output.concat(catalogue, "database/", args.conversion.database),
                pulumi.Output.concat(catalogue, "table/", args.conversion.database, "/", args.conversion.table),
            ],
        )
    ]


def _version(transformation: Transformation) -> pulumi.Output[str]:
    return pulumi.Output.concat(transformation.function_arn, ":$LATEST")


def _processing(
    args: BucketDeliveryArgs,
) -> aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationProcessingConfigurationArgsDict | None:
    if args.transformation is None:
        return None
    sizes = {
        "NumberOfRetries": str(args.transformation.retries),
        "BufferSizeInMBs": f"{args.transformation.buffer_mb:g}",
        "BufferIntervalInSeconds": str(args.transformation.buffer_seconds),
    }
    said = {name: value for name, value in sizes.items() if value != TAKEN_UNLESS_SAID[name]}
    parameters: dict[str, pulumi.Input[str]] = {"LambdaArn": _version(args.transformation), **said}
    return {
        "enabled": True,
        "processors": [
            {
                "type": "Lambda",
                "parameters": [
                    {"parameter_name": name, "parameter_value": value} for name, value in parameters.items()
                ],
            }
        ],
    }


def _conversion(
    args: BucketDeliveryArgs, role_arn: pulumi.Input[str]
) -> aws.kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationDataFormatConversionConfigurationArgsDict | None:
    if args.conversion is None:
        return None
    return {
        "enabled": True,
        "schema_configuration": {
            "database_name": args.conversion.database,
            "table_name": args.conversion.table,
            "role_arn": role_arn,
            "region": args.region,
        },
        "input_format_configuration": {"deserializer": {"open_x_json_ser_de": {}}},
        "output_format_configuration": {"serializer": {"parquet_ser_de": {"compression": "SNAPPY"}}},
    }
