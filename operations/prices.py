"""AWS's list prices of us-east-1 in US dollars, each with its page: what estimates and benchmarks count with.

Volume discounts, free tiers and taxes are left out.
"""

from typing import Final

__all__ = [
    "ATHENA_TERABYTE",
    "DYNAMODB_READ_UNIT",
    "DYNAMODB_WRITE_UNIT",
    "KINESIS_PUT_UNIT",
    "LAMBDA_GB_SECOND",
    "LAMBDA_REQUEST",
    "S3_GET",
    "S3_PUT",
    "SNS_PUBLISH",
    "SQS_REQUEST",
    "STATE_TRANSITION",
]

# https://aws.amazon.com/lambda/pricing/: a GB-second on Arm, and a request
LAMBDA_GB_SECOND: Final = 13.3334e-6
LAMBDA_REQUEST: Final = 0.20e-6
# https://aws.amazon.com/dynamodb/pricing/on-demand/: units of 1 KB written and 4 KB read, of on-demand tables
DYNAMODB_WRITE_UNIT: Final = 0.625e-6
DYNAMODB_READ_UNIT: Final = 0.125e-6
# https://aws.amazon.com/s3/pricing/: requests of S3 Standard
S3_PUT: Final = 5e-6
S3_GET: Final = 0.4e-6
# https://aws.amazon.com/sqs/pricing/: a request of a standard queue, 64 KB
SQS_REQUEST: Final = 0.40e-6
# https://aws.amazon.com/sns/pricing/: a publication to a standard topic, 64 KB
SNS_PUBLISH: Final = 0.50e-6
# https://aws.amazon.com/kinesis/data-streams/pricing/: 25 KB put into a provisioned stream
KINESIS_PUT_UNIT: Final = 0.014e-6
# https://aws.amazon.com/step-functions/pricing/: a state transition of a Standard workflow
STATE_TRANSITION: Final = 25e-6
# https://aws.amazon.com/athena/pricing/: a terabyte scanned
ATHENA_TERABYTE: Final = 5.0
