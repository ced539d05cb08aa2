"""Customer keys are asked wherever data is encrypted with them: Kinesis, S3, DynamoDB, SQS, SNS, Firehose and KMS.

A module for each service, which knows the service's encryption context and how it names KMS's refusals.
https://docs.aws.amazon.com/kms/latest/developerguide/service-integration.html
"""

from localcloud.emulator.key_use import delivery_streams, kms, objects, queues, streams, tables, topics


def install() -> None:
    """Ask the keys in every service."""
    for module in (streams, objects, tables, queues, topics, delivery_streams, kms):
        module.install()
