"""Finds the policy that a resource carries itself, in whichever account owns the resource.

One row of `_LOOKUPS` for each service whose resources have policies
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html). The stores are the
emulator's own; they are imported when first asked, so that starting costs nothing.
"""

from collections.abc import Callable
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import request_scope

from localcloud.emulator.access.policies import ResourcePolicy


def _kinesis(arn: str, account_id: str, region: str) -> ResourcePolicy | None:
    """Streams and consumers: https://docs.aws.amazon.com/streams/latest/dev/resource-based-policy-examples.html"""
    from ministack.services import kinesis

    return ResourcePolicy(kinesis._resource_policies.get_scoped(account_id, region, arn), account_id)


def _dynamodb(arn: str, account_id: str, region: str) -> ResourcePolicy | None:
    """Tables (with their indexes) and streams.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/access-control-resource-based.html
    """
    from ministack.services import dynamodb

    stored = dynamodb._resource_policies.get_scoped(account_id, region, arn.split("/index/", 1)[0]) or {}
    return ResourcePolicy(stored.get("Policy"), account_id)


def _s3(arn: str, account_id: str, region: str) -> ResourcePolicy | None:
    """Buckets with their objects: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html"""
    from ministack.services import s3

    bucket = arn.split(":::", 1)[-1].split("/", 1)[0]
    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        return None
    return ResourcePolicy(s3._bucket_policies.get_scoped(owner, None, bucket), owner)


def _sqs(arn: str, account_id: str, region: str) -> ResourcePolicy | None:
    from ministack.services import sqs

    found = sqs.queue_policy_for_arn(arn)
    return ResourcePolicy(found[0] if found else None, account_id)


def _sns(arn: str, account_id: str, region: str) -> ResourcePolicy | None:
    from ministack.services import sns

    found = sns.topic_policy_for_arn(arn)
    return ResourcePolicy(found[0] if found else None, account_id)


def _lambda(arn: str, account_id: str, region: str) -> ResourcePolicy | None:
    """Functions: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"""
    from ministack.services import lambda_svc

    with request_scope(account_id, region):
        found = lambda_svc.function_policy_for_arn(arn)
    return ResourcePolicy(found[0] if found else None, account_id)


def _kms(arn: str, account_id: str, region: str) -> ResourcePolicy | None:
    """Key policies decide within the account as well.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
    """
    from ministack.services import kms

    with request_scope(account_id, region):
        found = kms.key_policy_for_arn(arn)
    return ResourcePolicy(found[0], account_id, must_allow=True) if found else None


def _role(arn: str, account_id: str, region: str) -> ResourcePolicy | None:
    """A role's trust policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html"""
    from ministack.services import iam

    role = iam._roles.get_scoped(account_id, None, arn.rsplit("/", 1)[-1])
    document = role.get("AssumeRolePolicyDocument") if role and role.get("Arn", arn) == arn else None
    return ResourcePolicy(document, account_id, must_allow=True)


# The namespace of an action → where that service keeps the policy of the resource acted on.
_LOOKUPS: dict[str, Callable[[str, str, str], ResourcePolicy | None]] = {
    "dynamodb": _dynamodb,
    "kinesis": _kinesis,
    "kms": _kms,
    "lambda": _lambda,
    "s3": _s3,
    "sns": _sns,
    "sqs": _sqs,
    "sts": _role,
}


def resource_policy(action: str, resource_arn: str, service: str | None = None) -> ResourcePolicy | None:
    """The policy of the resource that `action` is made on, or None when its kind has none or it does not exist.

    `service` is the emulator's name of the service, for the kinds that only the emulator knows about (secrets,
    repositories, REST APIs).
    """
    try:
        arn = parse_arn(resource_arn)
    except ArnParseError:
        return None
    lookup = _LOOKUPS.get(action.partition(":")[0])
    if lookup is not None:
        return lookup(resource_arn, arn.account_id, arn.region)
    found: tuple[Any, str] | None = None
    if service is not None:
        from ministack.core.iam_evaluator import _resource_policy

        found = _resource_policy(service, resource_arn)
    return ResourcePolicy(*found) if found else None
