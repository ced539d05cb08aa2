"""Hands policies to the linter, and tells what it says of them."""

import asyncio
import logging
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from iam_validator.core.config.config_loader import ValidatorConfig
from iam_validator.core.models import IAMPolicy
from iam_validator.core.policy_checks import validate_policies

from tests.policies.reference import write_reference
from tests.policies.rendered import Policy

# Matters of taste, of which this project has rules of its own: `*` is where AWS has no resource level, which
# tests/components proves, and the deployer may do what deploying takes.
NOT_ASKED = ("action_condition_enforcement", "sensitive_action", "wildcard_resource")
# What is meant all the same: complaint → why. One that nothing is said of any more is a mistake, too.
MEANT: Mapping[str, str] = {
    r"Key .*'kms:\*' grants all permissions": (
        "AWS's own first statement: a key policy gives its account nothing by itself, so that without it IAM policies "
        "allow nothing and a key whose users are gone is unmanageable: "
        "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"
        "#key-policy-default-allow-root-enable-iam"
    ),
    r"`lambda:SourceFunctionArn` is not valid for action `ec2:AssignPrivateIpAddresses`": (
        "Lambda puts it into the credentials of a function's code, whatever that calls, and the reference lists keys "
        "by action: https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html. The statement "
        "is the one that AWS advises: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html"
        "#configuration-vpc-best-practice-security"
    ),
    r"`kms:EncryptionContext:aws:logs:arn` is not valid for action": (
        "a key for each context, `kms:EncryptionContext:<its name>`, whose name may have colons; the linter takes it "
        "for another key: "
        "https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context"
    ),
    r"Key .*service principal `logs\.[a-z0-9-]+\.amazonaws\.com` without": (
        "what bounds it is the context, the ARN of a log group of this account, which CloudWatch Logs sends with every "
        "request: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"
        "#encrypt-log-data-kms-policy"
    ),
    r"VpcEndpoint .* missing_principal_condition_any_of": (
        "an endpoint's policy replaces no other: what passes needs its own permission as well. "
        "https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html"
    ),
    r"BucketPolicy .*type_mismatch_usable.*`s3:x-amz-server-side-encryption-aws-kms-key-id`": (
        "its value is a key's whole ARN without wildcards, as S3 asks for, and is compared as it is: "
        "https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html#require-sse-kms"
    ),
}


def unexpected(found: Iterable[str]) -> Iterator[str]:
    """The complaints that are not meant, and the patterns that no complaint has."""
    unused = dict(MEANT)
    for complaint in found:
        meant = [pattern for pattern in MEANT if re.search(pattern, complaint)]
        for pattern in meant:
            unused.pop(pattern, None)
        if not meant:
            yield complaint
    yield from (f"no policy has this any more, take it out of tests/policies/linting.py: {one}" for one in unused)


def complaints(policies: Sequence[Policy]) -> Iterator[str]:
    """What is wrong with the policies, a line for each mistake."""
    logging.getLogger("iam_validator").setLevel(logging.ERROR)
    checks = {check: {"enabled": False} for check in NOT_ASKED}
    config = ValidatorConfig({**checks, "settings": {"cache_enabled": False}})
    with tempfile.TemporaryDirectory() as folder:
        write_reference(set(_services(policies)), Path(folder))
        for kind in sorted({policy.type for policy in policies}):
            of_kind = [policy for policy in policies if policy.type == kind]
            given = [(one.where, IAMPolicy.model_validate(one.document), dict(one.document)) for one in of_kind]
            results = asyncio.run(validate_policies(given, config=config, policy_type=kind, aws_services_dir=folder))
            for result in results:
                said = (f"{one.severity} {one.issue_type}: {one.message}" for one in result.issues)
                yield from (f"{result.policy_file}: {text}" for text in said)


def _services(policies: Iterable[Policy]) -> Iterator[str]:
    """The prefixes of the actions."""
    for policy in policies:
        for statement in policy.document["Statement"]:
            actions = statement.get("Action", statement.get("NotAction", []))
            yield from (one.partition(":")[0] for one in ([actions] if isinstance(actions, str) else actions))
