"""Refuses a policy that cannot be stored: one that is no JSON, and one that is larger than its quota.

The quotas are in `quotas`, each with its page. IAM's own words for them are recorded ones; where a service does not
document its error, its most general one is taken.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: "IAM does not count white space".
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import new_uuid

from localcloud.emulator import quotas
from localcloud.emulator.access.policies import as_list, statements
from localcloud.emulator.quotas import Quota
from localcloud.emulator.request_gate import Call, Response, before, json_error

# Error code, message and HTTP status.
Problem = tuple[str, str, int]
Measure = Callable[[Call, str], Problem | None]


@dataclass(frozen=True)
class Saved:
    """A request that saves a policy: where it is in the request, the error of one that is no JSON, and what measures
    it.
    """

    policy: Callable[[Call], str | None]
    malformed: str
    measures: tuple[Measure, ...]


def characters(document: str) -> int:
    """The length of a policy as IAM counts it."""
    return len("".join(document.split()))


def size_bytes(document: str) -> int:
    """The size of a policy as a service keeps it, without the white space between its elements."""
    try:
        return len(json.dumps(json.loads(document), separators=(",", ":"), ensure_ascii=False).encode())
    except ValueError:
        return len(document.encode())


def _member(name: str) -> Callable[[Call], str | None]:
    return lambda call: call.data.get(name)


def _attribute(call: Call) -> str | None:
    """`Policy` among the attributes of a queue or topic, given as JSON or as a form."""
    data = call.data
    attributes = data.get("Attributes")
    if isinstance(attributes, Mapping):
        return attributes.get("Policy")
    if data.get("AttributeName") == "Policy":
        return data.get("AttributeValue")
    names = {value: key for key, value in data.items() if key.startswith("Attributes.entry.") and key.endswith(".key")}
    return data.get(names["Policy"].removesuffix("key") + "value") if "Policy" in names else None


def _own(quota: Quota, name: str) -> Measure:
    """A document of IAM's that counts for itself."""

    def measure(_call: Call, document: str) -> Problem | None:
        found = characters(document) > quota.most
        return ("LimitExceeded", f"Cannot exceed quota for {name}: {quota.most}", 409) if found else None

    return measure


def _together(quota: Quota, kind: str, stored: Callable[[str], Mapping[str, Any]]) -> Measure:
    """Inline policies, which count together; `stored` are those that a role, user or group has."""

    def measure(call: Call, document: str) -> Problem | None:
        owner, name = str(call.data.get(f"{kind.capitalize()}Name")), call.data.get("PolicyName")
        others = [
            other if isinstance(other, str) else json.dumps(other)
            for key, other in stored(owner).items()
            if key != name
        ]
        if sum(map(characters, [document, *others])) <= quota.most:
            return None
        return "LimitExceeded", f"Maximum policy size of {quota.most} bytes exceeded for {kind} {owner}", 409

    return measure


def _bytes(quota: Quota, code: str, message: str) -> Measure:
    def measure(_call: Call, document: str) -> Problem | None:
        return (code, message.format(quota.most), 400) if size_bytes(document) > quota.most else None

    return measure


def _queue_counts(_call: Call, document: str) -> Problem | None:
    found = list(statements(document))
    principals = [name for one in found for name in _principals(one)]
    counts: Iterator[tuple[int, Quota]] = iter(
        [
            (len(found), quotas.QUEUE_POLICY_STATEMENTS),
            (len(principals), quotas.QUEUE_POLICY_PRINCIPALS),
            *((len(as_list(one.get("Action"))), quotas.QUEUE_POLICY_ACTIONS_OF_A_STATEMENT) for one in found),
        ]
    )
    over = any(count > quota.most for count, quota in counts)
    return ("InvalidAttributeValue", "Invalid value for the parameter Policy.", 400) if over else None


def _principals(statement: Mapping[str, Any]) -> list[str]:
    element = statement.get("Principal")
    return [name for names in element.values() for name in as_list(names)] if isinstance(element, Mapping) else ["*"]


def _topic_counts(_call: Call, document: str) -> Problem | None:
    over = len(list(statements(document))) > quotas.TOPIC_POLICY_STATEMENTS.most
    return ("InvalidParameter", "Invalid parameter: Policy has too many statements", 400) if over else None


def _inline_of_role(name: str) -> Mapping[str, Any]:
    from ministack.services import iam

    return (iam._roles.get(name) or {}).get("InlinePolicies") or {}


def _inline_of_user(name: str) -> Mapping[str, Any]:
    from ministack.services import iam

    return iam._user_inline_policies.get(name) or {}


def _inline_of_group(name: str) -> Mapping[str, Any]:
    from ministack.services import iam

    return (iam._groups.get(name) or {}).get("InlinePolicies") or {}


_TRUST = (_own(quotas.TRUST_POLICY, "ACLSizePerRole"),)
_MANAGED = (_own(quotas.MANAGED_POLICY, "PolicySize"),)
_KEY = (_bytes(quotas.KEY_POLICY, "LimitExceededException", "The key policy may have {} bytes at most."),)
_QUEUE = (
    _bytes(quotas.QUEUE_POLICY, "InvalidAttributeValue", "Invalid value for the parameter Policy."),
    _queue_counts,
)
_TOPIC = (
    _bytes(quotas.TOPIC_POLICY, "InvalidParameter", "Invalid parameter: Policy is larger than {} bytes"),
    _topic_counts,
)
_IAM = "MalformedPolicyDocument"

SAVED: dict[str, Saved] = {
    "iam:CreateRole": Saved(_member("AssumeRolePolicyDocument"), _IAM, _TRUST),
    "iam:UpdateAssumeRolePolicy": Saved(_member("PolicyDocument"), _IAM, _TRUST),
    "iam:PutRolePolicy": Saved(
        _member("PolicyDocument"), _IAM, (_together(quotas.INLINE_POLICIES_OF_A_ROLE, "role", _inline_of_role),)
    ),
    "iam:PutUserPolicy": Saved(
        _member("PolicyDocument"), _IAM, (_together(quotas.INLINE_POLICIES_OF_A_USER, "user", _inline_of_user),)
    ),
    "iam:PutGroupPolicy": Saved(
        _member("PolicyDocument"), _IAM, (_together(quotas.INLINE_POLICIES_OF_A_GROUP, "group", _inline_of_group),)
    ),
    "iam:CreatePolicy": Saved(_member("PolicyDocument"), _IAM, _MANAGED),
    "iam:CreatePolicyVersion": Saved(_member("PolicyDocument"), _IAM, _MANAGED),
    "kms:CreateKey": Saved(_member("Policy"), "MalformedPolicyDocumentException", _KEY),
    "kms:PutKeyPolicy": Saved(_member("Policy"), "MalformedPolicyDocumentException", _KEY),
    "s3:PutBucketPolicy": Saved(
        lambda call: call.body.decode("utf-8", "replace"),
        "MalformedPolicy",
        (_bytes(quotas.BUCKET_POLICY, "PolicyTooLarge", "Policy exceeds the maximum allowed document size."),),
    ),
    "dynamodb:PutResourcePolicy": Saved(
        _member("Policy"),
        "ValidationException",
        (_bytes(quotas.TABLE_POLICY, "ValidationException", "The policy may have {} bytes at most."),),
    ),
    "sqs:CreateQueue": Saved(_attribute, "InvalidAttributeValue", _QUEUE),
    "sqs:SetQueueAttributes": Saved(_attribute, "InvalidAttributeValue", _QUEUE),
    "sns:CreateTopic": Saved(_attribute, "InvalidParameter", _TOPIC),
    "sns:SetTopicAttributes": Saved(_attribute, "InvalidParameter", _TOPIC),
}


def problem_of(call: Call) -> Problem | None:
    """Why the policy that a request saves cannot be stored; None when it can, and when it saves none."""
    saved = SAVED.get(call.action)
    document = saved.policy(call) if saved else None
    if saved is None or not document:
        return None
    try:
        is_object = isinstance(json.loads(document), dict)
    except ValueError:
        is_object = False
    if not is_object:
        return saved.malformed, "This policy contains invalid Json", 400
    return next((problem for measure in saved.measures if (problem := measure(call, document))), None)


def _answer(call: Call, problem: Problem) -> Response:
    """The refusal in the service's protocol."""
    from ministack.services import iam, s3, sns

    code, message, status = problem
    answer: Response
    if call.service == "iam":
        answer = iam._error(status, code, message, ns="iam")
    elif call.service == "sns":
        answer = sns._error(code, message, status)
    elif call.service == "s3":
        status, headers, body = s3._error(code, message, status)
        answer = status, {**headers, "x-amz-request-id": new_uuid()}, body
    else:
        answer = json_error(code, message, status)
    return answer


def install() -> None:
    """Check every policy that is saved, before its principals are looked up."""

    @before("dynamodb", "iam", "kms", "s3", "sns", "sqs")
    def can_be_stored(call: Call) -> Response | None:
        problem = problem_of(call)
        return _answer(call, problem) if problem else None
