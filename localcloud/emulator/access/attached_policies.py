"""Managed policies of roles, users and groups, and who asks for itself: what the emulator's IAM does not look at.

A policy that does not exist cannot be attached, nor one more than the quota:
https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html ,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html. GetUser without a name is about the caller:
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html
"""

from typing import Any

from localcloud.emulator import quotas
from localcloud.emulator.access.callers import caller
from localcloud.emulator.request_gate import Call, Response, before

# By the action: the kind that the policy is attached to, and how many each of it may have.
_ATTACHING = {
    "iam:AttachRolePolicy": ("Role", quotas.MANAGED_POLICIES_OF_A_ROLE),
    "iam:AttachUserPolicy": ("User", quotas.MANAGED_POLICIES_OF_A_USER),
    "iam:AttachGroupPolicy": ("Group", quotas.MANAGED_POLICIES_OF_A_GROUP),
}


def _attached(kind: str, name: str) -> list[str] | None:
    """The ARNs of the policies that a role, user or group has; None when it does not exist."""
    from ministack.services import iam

    owners: Any = {"Role": iam._roles, "User": iam._users, "Group": iam._groups}[kind]
    owner = owners.get(name)
    if owner is None:
        return None
    found: list[str] = owner.get("AttachedPolicies") or []
    return found


def _refusal(call: Call) -> Response | None:
    from ministack.services import iam

    kind, quota = _ATTACHING[call.action]
    arn = str(call.data.get("PolicyArn") or "")
    attached = _attached(kind, str(call.data.get(f"{kind}Name") or ""))
    answer: Response | None = None
    if attached is None or arn in attached:
        return None
    if not iam.policy_known(arn):
        answer = iam._error(404, "NoSuchEntity", f"Policy {arn} does not exist or is not attachable.", ns="iam")
    elif len(attached) >= quota.most:
        answer = iam._error(409, "LimitExceeded", f"Cannot exceed quota for PoliciesPer{kind}: {quota.most}", ns="iam")
    return answer


def _user_itself() -> Response | None:
    """GetUser without a name: the user that calls; None for the root user, whom the emulator answers."""
    from ministack.services import iam

    session = caller()
    if session.is_root:
        return None
    answer: Response
    if ":user/" in session.arn:
        answer = iam._get_user({"UserName": [session.arn.rsplit("/", 1)[-1]]})
    else:
        answer = iam._error(
            400, "ValidationError", "Must specify userName when calling with non-User credentials", ns="iam"
        )
    return answer


def install() -> None:
    @before("iam")
    def attachable(call: Call) -> Response | None:
        if call.action in _ATTACHING:
            return _refusal(call)
        return _user_itself() if call.action == "iam:GetUser" and not call.data.get("UserName") else None
