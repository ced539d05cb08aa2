"""What may be done to the targets of each service: the table of what roles of platform and receivers allow."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from components.regions import dns_suffix_of


class Service(NamedTuple):
    """What puts into a target of a service, and how rows name one.

    `actions` put into it. `endpoint` is the end of the service's name as an endpoint of a network, "" when it has none.
    `type` is that of rows, "" for what is no target. `destination` makes of an ARN what rows have; None where the ARN
    does not tell it. `below` is what is behind the ARN in what the actions are allowed on.
    https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
    """

    actions: Sequence[str]
    endpoint: str = ""
    type: str = ""
    destination: Callable[[str], str] | None = None
    below: str = ""


def _whole(arn: str) -> str:
    return arn


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _queue_url(arn: str) -> str:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-queue-message-identifiers.html"""
    _, _, _, region, account_id, name = arn.split(":")
    return f"https://sqs.{region}.{dns_suffix_of(region)}/{account_id}/{name}"


# By the service in an ARN. A batch is authorized as what it is made of.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
SERVICES: Mapping[str, Service] = {
    "aoss": Service(["aoss:APIAccessAll"], type="es"),
    "es": Service(["es:ESHttpPost"], type="es", below="/*"),
    "firehose": Service(["firehose:PutRecordBatch"], "kinesis-firehose", "firehose", _name),
    # Its endpoint has no private name: whoever wants one makes a hosted zone.
    # https://docs.aws.amazon.com/iot/latest/developerguide/IoTCore-VPC.html
    "iot": Service(["iot:Publish"], type="iot"),
    "kinesis": Service(["kinesis:PutRecords"], "kinesis-streams", "kinesis", _name),
    "lambda": Service(["lambda:InvokeFunction"], "lambda", "lambda", _whole),
    "secretsmanager": Service(["secretsmanager:GetSecretValue"], "secretsmanager"),
    "sns": Service(["sns:Publish"], "sns", "sns", _whole),
    "sqs": Service(["sqs:SendMessage"], "sqs", "sqs", _queue_url),
}


def service_of(arn: str) -> str:
    """The service in an ARN."""
    return arn.split(":")[2]
