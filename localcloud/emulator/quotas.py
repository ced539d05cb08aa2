"""AWS's quotas that these architectures can meet, each with the page that states it: what a new account has.

They are enforced where their service is: `access.policy_documents` (policies), `access.attached_policies` (managed
policies of a role), `kinesis.consumers`, `resource_quotas` (dashboards, aliases), `function_limits` (functions).
"""

from dataclasses import dataclass

_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
_SQS = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html"
_SNS = "https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html"
_CLOUDWATCH = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html"
_CONSUMERS = "https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html"


@dataclass(frozen=True)
class Quota:
    """The largest value that is allowed, and the page that says so."""

    most: int
    page: str


# Policies. IAM counts characters without white space, the others bytes; inline policies count together.
INLINE_POLICIES_OF_A_ROLE = Quota(10_240, _IAM)
INLINE_POLICIES_OF_A_USER = Quota(2_048, _IAM)
INLINE_POLICIES_OF_A_GROUP = Quota(5_120, _IAM)
MANAGED_POLICY = Quota(6_144, _IAM)
TRUST_POLICY = Quota(2_048, _IAM)
BUCKET_POLICY = Quota(20 * 1024, "https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html")
KEY_POLICY = Quota(32 * 1024, "https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html")
TABLE_POLICY = Quota(
    20 * 1024, "https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutResourcePolicy.html"
)
QUEUE_POLICY = Quota(8_192, _SQS)
QUEUE_POLICY_STATEMENTS = Quota(20, _SQS)
QUEUE_POLICY_PRINCIPALS = Quota(50, _SQS)
QUEUE_POLICY_ACTIONS_OF_A_STATEMENT = Quota(7, _SQS)
TOPIC_POLICY = Quota(30 * 1024, _SNS)
TOPIC_POLICY_STATEMENTS = Quota(100, _SNS)

# IAM
MANAGED_POLICIES_OF_A_ROLE = Quota(10, _IAM)
MANAGED_POLICIES_OF_A_USER = Quota(10, _IAM)
MANAGED_POLICIES_OF_A_GROUP = Quota(10, _IAM)

# Kinesis
CONSUMERS_OF_A_STREAM = Quota(20, _CONSUMERS)
CONSUMERS_BEING_CREATED = Quota(5, _CONSUMERS)

# KMS
ALIASES_OF_A_KEY = Quota(50, "https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html")

# CloudWatch
METRICS_OF_A_WIDGET = Quota(500, _CLOUDWATCH)
METRICS_OF_A_DASHBOARD = Quota(2_500, _CLOUDWATCH)
DASHBOARD_NAME_CHARACTERS = Quota(
    255, "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html"
)

# Lambda: bytes
FUNCTION_ENVIRONMENT = Quota(4 * 1024, _LAMBDA)
PACKAGE_IN_A_REQUEST = Quota(50 * 1024 * 1024, _LAMBDA)
PACKAGE_UNZIPPED = Quota(250 * 1024 * 1024, _LAMBDA)
FUNCTION_POLICY = Quota(20 * 1024, _LAMBDA)
LAYERS_OF_A_FUNCTION = Quota(5, _LAMBDA)
