"""A private, encrypted, versioned bucket: the lake of an architecture, or its on-failure destination."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from components.policies import Statement, document

INCOMPLETE_UPLOAD_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class PrivateBucketArgs:
    """`expire_days` deletes objects that old, None keeps them; `expire_prefix_days` those below a prefix.
    `force_destroy` lets a destroy delete what is inside.

    Otherwise Pulumi protects the bucket and what keeps its objects private, encrypted and versioned.

    `old_version_days` deletes what was overwritten or deleted so long ago. `only_with_key` refuses an object whose
    request does not name the bucket's own key. `region` is the stack's when left out. `grants` makes statements of the
    bucket's policy, from the bucket's ARN, for principals of other accounts.
    """

    key_arn: pulumi.Input[str]
    bucket_name: str | None = None
    expire_days: int | None = None
    expire_prefix_days: Mapping[str, int] = field(default_factory=dict)
    old_version_days: int | None = None
    only_with_key: bool = False
    region: str | None = None
    force_destroy: bool = False
    grants: Callable[[pulumi.Output[str]], list[Statement]] = lambda _: []


class PrivateBucket(pulumi.ComponentResource):
    """A bucket that only its own account reaches, only over TLS, encrypted with a customer key."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    ready: list[pulumi.Resource]
    versioning: aws.s3.BucketVersioning

    def __init__(self, name: str, args: PrivateBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        protected = pulumi.ResourceOptions(protect=not args.force_destroy)
        super().__init__("tributary:index:PrivateBucket", name, None, pulumi.ResourceOptions.merge(opts, protected))
        child = pulumi.ResourceOptions(parent=self)

        bucket = aws.s3.Bucket(
            f"{name}-bucket",
            bucket=args.bucket_name,
            force_destroy=args.force_destroy,
            region=args.region,
            # The key goes after the bucket: without it nobody could read the objects.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=pulumi.Output.from_input(args.key_arn).apply(lambda _: [])
            ),
        )
        access_block = aws.s3.BucketPublicAccessBlock(
            f"{name}-public-access-block",
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            region=args.region,
            opts=child,
        )
        aws.s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.id,
            rule={"object_ownership": "BucketOwnerEnforced"},
            region=args.region,
            opts=child,
        )
        encryption = aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.id,
            rules=[
                {
                    "apply_server_side_encryption_by_default": {
                        "sse_algorithm": "aws:kms",
                        "kms_master_key_id": args.key_arn,
                    },
                    # One data key for many objects: fewer paid KMS calls.
                    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html
                    "bucket_key_enabled": True,
                }
            ],
            region=args.region,
            opts=child,
        )
        versioning = aws.s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.id,
            versioning_configuration={"status": "Enabled"},
            region=args.region,
            opts=child,
        )
        aws.s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.id,
            rules=_lifecycle(args),
            region=args.region,
            # S3 wants versioning settled before rules about old versions.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[versioning]),
        )
        denies = [_denies_plain_http(bucket.arn)]
        if args.only_with_key:
            denies.append(_denies_other_keys(bucket.arn, args.key_arn))
        policy = aws.s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.id,
            policy=document([*denies, *args.grants(bucket.arn)]),
            region=args.region,
            # Both change the bucket's access settings; S3 refuses two such changes at once with OperationAborted.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[access_block]),
        )

        self.name = bucket.id
        self.arn = bucket.arn
        self.versioning = versioning
        self.ready = [encryption, policy]
        self.register_outputs({"name": self.name, "arn": self.arn})


def _denies_plain_http(bucket_arn: pulumi.Input[str]) -> Statement:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, pulumi.Output.concat(bucket_arn, "/*")],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def _denies_other_keys(bucket_arn: pulumi.Input[str], key_arn: pulumi.Input[str]) -> Statement:
    """Objects come encrypted with this key, and their requests say so: without the header, too, it is refused.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms
    """
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": pulumi.Output.concat(bucket_arn, "/*"),
        "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn}},
    }


def _lifecycle(args: PrivateBucketArgs) -> list[aws.s3.BucketLifecycleConfigurationRuleArgsDict]:
    rules: list[aws.s3.BucketLifecycleConfigurationRuleArgsDict] = [
        {
            "id": "abort-incomplete-uploads",
            "status": "Enabled",
            "filter": {"prefix": ""},
            "abort_incomplete_multipart_upload": {"days_after_initiation": INCOMPLETE_UPLOAD_DAYS},
        }
    ]
    ages = {**args.expire_prefix_days, **({} if args.expire_days is None else {"": args.expire_days})}
    rules += [
        {
            "id": f"expire-{prefix.strip('/')}".rstrip("-"),
            "status": "Enabled",
            "filter": {"prefix": prefix},
            "expiration": {"days": days},
            "noncurrent_version_expiration": {"noncurrent_days": min(days, INCOMPLETE_UPLOAD_DAYS)},
        }
        for prefix, days in ages.items()
    ]
    if args.old_version_days is not None:
        rules.append(
            {
                "id": "expire-old-versions",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrent_version_expiration": {"noncurrent_days": args.old_version_days},
            }
        )
    return rules
