"""What the roles of the platform's functions may reach: nothing but what is registered in the stack."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pulumi

from components.fan_out.rows import granted
from components.fan_out.services import SERVICES, service_of
from components.fan_out.settings import PlatformSettings
from components.policies import Statement, statement
from components.regions import dns_suffix_of

# A customer key of a target is used through these; Firehose uses one as itself.
# https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
KEYS_THROUGH = ("kinesis", "secretsmanager", "sns", "sqs")


def reaches(
    settings: PlatformSettings,
    streams: Sequence[pulumi.Input[str]],
    received: Mapping[str, Mapping[str, Any]],
    account_id: pulumi.Input[str],
    region: str,
) -> list[Statement]:
    """What lets a function send.

    `streams` are the ARNs of the stack's own target streams, `received` what the stacks of receivers export, by the
    name of the declared target.
    """
    return [
        *([statement(SERVICES["kinesis"].actions, list(streams))] if streams else []),
        *(
            needed
            for name, target in settings.targets.items()
            if target.receiver is None
            for needed in granted(name, target.options, account_id, region)
        ),
        *(statement(SERVICES[service_of(arn)].actions, arn) for arn in settings.reaches),
        *(statement(["sts:AssumeRole"], arn) for arn in settings.assumes),
        *(statement(["sts:AssumeRole"], exported["roleArn"]) for exported in received.values()),
        *_uses_keys(settings.key_arns, region),
    ]


def _uses_keys(key_arns: Sequence[str], region: str) -> Iterable[Statement]:
    if key_arns:
        through = [f"{service}.{region}.{dns_suffix_of(region)}" for service in KEYS_THROUGH]
        # Both: a queue decrypts its data key to encrypt with it.
        yield statement(
            ["kms:Decrypt", "kms:GenerateDataKey"], list(key_arns), {"StringEquals": {"kms:ViaService": through}}
        )
