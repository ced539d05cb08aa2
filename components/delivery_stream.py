"""A Firehose delivery stream into a bucket, with its role and its error log."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.policies import document, statement, trusts_service, uses_key

ERROR_LOG_STREAM = "DestinationDelivery"


@dataclass(frozen=True, kw_only=True)
class BucketDeliveryArgs:
    """`buffer_mb` (1 to 128) and `buffer_seconds` (0 to 900): whichever is reached first delivers one object.

    https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html
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


class BucketDelivery(pulumi.ComponentResource):
    """Records arrive in the bucket, buffered; what cannot be delivered is logged and kept under the error prefix."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: BucketDeliveryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:BucketDelivery", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/kinesisfirehose/{args.delivery_stream_name}",
            retention_in_days=args.log_retention_days,
            opts=child,
        )
        errors = aws.cloudwatch.LogStream(f"{name}-errors", name=ERROR_LOG_STREAM, log_group_name=logs.name, opts=child)
        role = aws.iam.Role(f"{name}-role", assume_role_policy=trusts_service("firehose", args.account_id), opts=child)
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
                        pulumi.Output.concat(args.bucket_arn, "/*"),
                    ),
                    uses_key(args.key_arn, ["GenerateDataKey", "Decrypt"], "s3", args.region),
                    statement(["logs:PutLogEvents"], pulumi.Output.concat(logs.arn, ":log-stream:*")),
                ]
            ),
            opts=child,
        )
        delivery = aws.kinesis.FirehoseDeliveryStream(
            f"{name}-delivery-stream",
            name=args.delivery_stream_name,
            destination="extended_s3",
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
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy, *args.bucket_ready]),
        )

        self.name = delivery.name
        self.arn = delivery.arn
        self.register_outputs({"name": self.name, "arn": self.arn})
