"""Refuses policies that name a role or user that does not exist, as AWS does when a policy is saved.

A condition may name what is made later; a Principal element may not.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-roles.html (Invalid principal in policy)
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import new_uuid

from localcloud.emulator.access.authorization import role_record
from localcloud.emulator.access.policies import Document, as_list, statements
from localcloud.emulator.request_gate import Call, Response, before, json_error

_ENTITY = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):(role|user)/(.+)")
_SESSION = re.compile(r"arn:aws[a-z-]*:sts::(\d{12}):assumed-role/([^/]+)/(.+)")
_ACCOUNT = re.compile(r"\d{12}|arn:aws[a-z-]*:iam::\d{12}:root|\*|arn:aws[a-z-]*:sts::\d{12}:federated-user/.+")


def _exists(principal: str) -> bool:
    from ministack.services import iam

    if _ACCOUNT.fullmatch(principal):
        return True
    session, entity = _SESSION.fullmatch(principal), _ENTITY.fullmatch(principal)
    if session:
        return bool(iam._roles.get_scoped(session.group(1), None, session.group(2)))
    if entity is None or "*" in principal:
        return False
    if entity.group(2) == "role":
        return role_record(principal) is not None
    user = iam._users.get_scoped(entity.group(1), None, entity.group(3).rsplit("/", 1)[-1])
    return bool(user) and user.get("Arn", principal) == principal


def unknown_principal(document: Document) -> str | None:
    """The first AWS principal of a policy that does not exist, None when all do."""
    for statement in statements(document):
        for element in (statement.get("Principal"), statement.get("NotPrincipal")):
            listed = as_list(element.get("AWS")) if isinstance(element, Mapping) else []
            for principal in map(str, listed):
                if not _exists(principal):
                    return principal
    return None


def _iam_error(principal: str) -> Response:
    from ministack.services import iam

    message = f'Invalid principal in policy: "AWS":"{principal}"'
    answer: Response = iam._error(400, "MalformedPolicyDocument", message, ns="iam")
    return answer


def _s3_error(principal: str) -> Response:
    from ministack.services import s3

    status, headers, body = s3._error("MalformedPolicy", "Invalid principal in policy", 400)
    return status, {**headers, "x-amz-request-id": new_uuid()}, body


def _kms_error(principal: str) -> Response:
    message = "Policy contains a statement with one or more invalid principals."
    return json_error("MalformedPolicyDocumentException", message)


def _kinesis_error(principal: str) -> Response:
    return json_error("InvalidArgumentException", f"Policy validation error: Invalid principal in policy: {principal}")


def _dynamodb_error(principal: str) -> Response:
    return json_error("ValidationException", f"Invalid policy document: Invalid principal in policy: {principal}")


@dataclass(frozen=True)
class Saving:
    """A request that saves a policy: where in it the policy is, and how an unknown principal is refused."""

    policy: Callable[[Call], Any]
    error: Callable[[str], Response]


def _parameter(name: str) -> Callable[[Call], Any]:
    return lambda call: call.data.get(name)


_SAVING = {
    "dynamodb:PutResourcePolicy": Saving(_parameter("Policy"), _dynamodb_error),
    "iam:CreateRole": Saving(_parameter("AssumeRolePolicyDocument"), _iam_error),
    "iam:UpdateAssumeRolePolicy": Saving(_parameter("PolicyDocument"), _iam_error),
    "kinesis:PutResourcePolicy": Saving(_parameter("Policy"), _kinesis_error),
    "kms:CreateKey": Saving(_parameter("Policy"), _kms_error),
    "kms:PutKeyPolicy": Saving(_parameter("Policy"), _kms_error),
    "s3:PutBucketPolicy": Saving(lambda call: call.body.decode("utf-8", "replace"), _s3_error),
}


def install() -> None:
    """Check the principals of every policy that is saved on a role, stream, consumer, table, key or bucket."""

    @before("dynamodb", "iam", "kinesis", "kms", "s3")
    def principals_exist(call: Call) -> Response | None:
        saving = _SAVING.get(call.action)
        if saving is None:
            return None
        unknown = unknown_principal(saving.policy(call))
        return saving.error(unknown) if unknown is not None else None
