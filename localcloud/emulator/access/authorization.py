"""Decides whether a principal may make a call, by IAM policies, boundary, session policies and the resource's policy.

For the additions of this package that act for somebody: a service that assumes the role it was given, or the caller of
the API request that is being served. Policies are looked up at every decision, so that a change of a policy counts from
the next call on.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import get_region

from localcloud.emulator.access.policies import (
    Decision,
    Document,
    Named,
    Principal,
    Request,
    decide,
    resource_allows,
    resource_denies,
)
from localcloud.emulator.access.resource_policies import resource_policy
from localcloud.emulator.access.sessions import (
    ANONYMOUS,
    Session,
    identity_documents,
    limits,
    role_record,
    root,
    session_of,
)

__all__ = [
    "ANONYMOUS",
    "AccessDenied",
    "Session",
    "allowed",
    "assume",
    "decision",
    "denial_message",
    "principal_allows",
    "require",
    "role_record",
    "root",
    "service_allowed",
    "service_denied",
    "session_of",
]


class AccessDenied(Exception):  # noqa: N818 - the name that AWS gives it
    """The call is not allowed.

    `str()` is AWS's message: who, which action, which resource, and which policy decided.
    """

    def __init__(self, message: str, action: str, resource_arn: str) -> None:
        super().__init__(message)
        self.action = action
        self.resource_arn = resource_arn


def assume(role_arn: str, service: str, session_name: str, source_arn: str | None = None) -> Session:
    """Assume a role as an AWS service principal such as `firehose.amazonaws.com`.

    The trust policy is asked with aws:SourceArn (`source_arn`: the resource that the service acts for),
    aws:SourceAccount (its account, else the role's) and sts:ExternalId (that account, which Firehose sends). Raises
    AccessDenied when the role does not exist or does not trust the service.
    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Allow Firehose to assume an IAM role)
    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    role = role_record(role_arn)
    account_id = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    source_account = source_arn.split(":")[4] if source_arn else account_id
    context = {"sts:externalid": source_account, "sts:rolesessionname": session_name}
    if role is None or not service_allowed(
        role.get("AssumeRolePolicyDocument"), service, "sts:AssumeRole", role_arn, source_arn, source_account, context
    ):
        raise AccessDenied(
            f"User: {service} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
            "sts:AssumeRole",
            role_arn,
        )
    keys: dict[str, Any] = {"aws:userid": f"{role.get('RoleId', '')}:{session_name}"}
    keys.update({f"aws:principaltag/{tag['Key'].lower()}": tag["Value"] for tag in role.get("Tags") or []})
    name = role_arn.rsplit("/", 1)[-1]
    return Session(f"arn:aws:sts::{account_id}:assumed-role/{name}/{session_name}", account_id, role_arn, keys=keys)


def _service_request(
    service: str,
    action: str,
    resource_arn: str,
    source_arn: str | None,
    source_account: str | None,
    context: Mapping[str, Any] | None,
) -> Request:
    known = {
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": source_account,
        "aws:sourceowner": source_account,
        "aws:principalisawsservice": "true",
        "aws:principalservicename": service,
        "aws:viaawsservice": "false",
        "aws:securetransport": "true",
        **_clock(),
        **{key.lower(): value for key, value in (context or {}).items()},
    }
    present = {key: value for key, value in known.items() if value is not None}
    return Request(Principal(service, "", is_service=True), action, resource_arn, present)


def service_allowed(
    document: Document,
    service: str,
    action: str,
    resource_arn: str,
    source_arn: str | None,
    source_account: str | None,
    context: Mapping[str, Any] | None = None,
) -> bool:
    """Whether a resource's policy lets an AWS service act on it for a source (aws:SourceArn, aws:SourceAccount).

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html (aws:SourceArn,
    aws:PrincipalIsAWSService)
    """
    request = _service_request(service, action, resource_arn, source_arn, source_account, context)
    return bool(resource_allows(document, request)) and not resource_denies(document, request)


def service_denied(
    document: Document,
    service: str,
    action: str,
    resource_arn: str,
    source_arn: str | None,
    source_account: str | None,
    context: Mapping[str, Any] | None = None,
) -> bool:
    """Whether a resource's policy denies an AWS service explicitly; the arguments are those of `service_allowed`."""
    return resource_denies(
        document, _service_request(service, action, resource_arn, source_arn, source_account, context)
    )


def _clock() -> dict[str, str]:
    now = time.time()
    return {"aws:currenttime": datetime.fromtimestamp(now, UTC).isoformat(), "aws:epochtime": str(int(now))}


class _Context(dict[str, Any]):
    """Condition keys in lower case; the resource's tags and the organization are looked up only when a policy asks."""

    resource_arn = ""
    account_id = ""
    _tags: dict[str, str] | None = None

    def get(self, key: str, default: Any = None) -> Any:
        if key == "aws:principalorgid":
            from ministack.core.iam_evaluator import _principal_org_id

            return _principal_org_id(self.account_id) or default
        if key.startswith("aws:resourcetag/") and key not in self:
            if self._tags is None:
                from ministack.services.tagging import resource_tags

                self._tags = {name.lower(): value for name, value in (resource_tags(self.resource_arn) or {}).items()}
            return self._tags.get(key.removeprefix("aws:resourcetag/"), default)
        return super().get(key, default)


def _principal_type(session: Session) -> str:
    if session.is_root:
        return "Account"
    if session.role_arn is not None:
        return "AssumedRole"
    return "FederatedUser" if ":federated-user/" in session.arn else "User"


def _context(session: Session, resource_arn: str, owner: str | None, region: str, given: Mapping[str, Any]) -> _Context:
    """The global condition keys of a call, over which the service's own keys (`given`) are laid.

    aws:PrincipalArn of an assumed-role session is the ARN of the role, not of the session.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    from ministack.core.iam_evaluator import _request_origin

    source_ip, secure = _request_origin.get()
    context = _Context(session.keys)
    context.resource_arn, context.account_id = resource_arn, session.account_id
    context.update(
        {
            "aws:principalarn": session.role_arn or session.arn,
            "aws:principalaccount": session.account_id,
            "aws:principaltype": _principal_type(session),
            "aws:principalisawsservice": "false",
            "aws:viaawsservice": "false",
            "aws:resourceaccount": owner or session.account_id,
            "s3:resourceaccount": owner or session.account_id,
            "aws:requestedregion": region,
            "aws:sourceip": source_ip,
            "aws:securetransport": str(secure).lower(),
            **_clock(),
        }
    )
    context.update({key.lower(): value for key, value in given.items() if value is not None})
    return context


def decision(
    session: Session,
    action: str,
    resource_arn: str,
    context: Mapping[str, Any] | None = None,
    region: str | None = None,
    service: str | None = None,
) -> Decision:
    """Decide a call without raising.

    `service` is the emulator's name of the service, where it differs from the action's namespace.
    """
    policy = resource_policy(action, resource_arn, service)
    owner = policy.owner_account_id if policy is not None else None
    if owner is None and resource_arn.count(":") >= 5:
        owner = resource_arn.split(":")[4] or None
    request = Request(
        Principal(session.arn, session.account_id, session.role_arn),
        action,
        resource_arn,
        _context(session, resource_arn, owner, region or get_region(), context or {}),
    )
    return decide(request, identity_documents(session), limits(session), policy)


def principal_allows(
    document: Document, session: Session, action: str, resource_arn: str, context: Mapping[str, Any], region: str
) -> Named | None:
    """How directly one resource-based policy allows the session; None when it denies explicitly."""
    request = Request(
        Principal(session.arn, session.account_id, session.role_arn),
        action,
        resource_arn,
        _context(session, resource_arn, None, region, context),
    )
    return None if resource_denies(document, request) else resource_allows(document, request)


def denial_message(session_arn: str, action: str, resource_arn: str, reason: str) -> str:
    """AWS's sentence for a denied call.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    return f"User: {session_arn} is not authorized to perform: {action} on resource: {resource_arn} {reason}".rstrip()


def allowed(
    session: Session,
    action: str,
    resource_arn: str,
    context: Mapping[str, Any] | None = None,
    region: str | None = None,
) -> bool:
    """Whether the session may make the call; `context` adds the service's condition keys."""
    return decision(session, action, resource_arn, context, region).allowed


def require(
    session: Session,
    action: str,
    resource_arn: str,
    context: Mapping[str, Any] | None = None,
    region: str | None = None,
) -> None:
    """Raise AccessDenied, with AWS's message, unless the session may make the call."""
    decided = decision(session, action, resource_arn, context, region)
    if not decided.allowed:
        raise AccessDenied(denial_message(session.arn, action, resource_arn, decided.reason), action, resource_arn)
