"""Decides whether a principal may make a call, by IAM policies, boundary, session policies and the resource's policy.

For the additions of this package that act for somebody: a service that assumes the role it was given, or the caller of
the API request that is being served. Policies are looked up at every decision, so that a change of a policy counts from
the next call on.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_region, request_scope

from localcloud.emulator.policies import (
    Decision,
    Document,
    Limit,
    Named,
    Principal,
    Request,
    decide,
    resource_allows,
    resource_denies,
)
from localcloud.emulator.resource_policies import resource_policy


class AccessDenied(Exception):  # noqa: N818 - the name that AWS gives it
    """The call is not allowed.

    `str()` is AWS's message: who, which action, which resource, and which policy decided.
    """

    def __init__(self, message: str, action: str, resource_arn: str) -> None:
        super().__init__(message)
        self.action = action
        self.resource_arn = resource_arn


@dataclass(frozen=True)
class Session:
    """A principal that calls AWS.

    `arn` is a root, user, assumed-role session or federated user ARN; `role_arn` the role of an assumed-role session;
    `access_key_id` the key of a session that STS gave out (its session policies and tags count), else empty.
    """

    arn: str
    account_id: str
    role_arn: str | None = None
    access_key_id: str = ""
    keys: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)

    @property
    def is_root(self) -> bool:
        return self.arn.endswith(":root")


# Who sends a request without credentials, as S3 takes them.
ANONYMOUS = Session("anonymous", "")


def root(account_id: str) -> Session:
    """The root user of an account."""
    return Session(f"arn:aws:iam::{account_id}:root", account_id, keys={"aws:userid": account_id})


def role_record(role_arn: str) -> dict[str, Any] | None:
    """The stored role of an ARN (its path has to agree as well), or None."""
    from ministack.services import iam

    try:
        arn = parse_arn(role_arn)
    except ArnParseError:
        return None
    role: dict[str, Any] | None = iam._roles.get_scoped(arn.account_id, None, arn.resource.rsplit("/", 1)[-1])
    return role if role is not None and role.get("Arn", role_arn) == role_arn else None


def _role_arn_of(session_arn: str, account_id: str) -> str:
    """The role of an assumed-role session ARN, which leaves out the role's path."""
    from ministack.services import iam

    name = session_arn.split(":assumed-role/", 1)[1].split("/", 1)[0]
    stored = iam._roles.get_scoped(account_id, None, name) or {}
    return str(stored.get("Arn") or f"arn:aws:iam::{account_id}:role/{name}")


def session_of(arn: str, account_id: str, access_key_id: str = "", keys: Mapping[str, Any] | None = None) -> Session:
    """The session of a principal ARN."""
    role_arn = _role_arn_of(arn, account_id) if ":assumed-role/" in arn else None
    return Session(arn, account_id, role_arn, access_key_id, keys or {})


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


def identity_documents(session: Session) -> list[Document] | None:
    """The identity-based policies of a session now; None for a root user, who is allowed everything."""
    from ministack.services import iam

    if session.is_root:
        return None
    account_id, name = session.account_id, session.arn.rsplit("/", 1)[-1]
    if session.role_arn is not None:
        role = role_record(session.role_arn)
        return _documents_of(role, (role or {}).get("InlinePolicies"), account_id)
    if ":federated-user/" in session.arn:
        return _federated_documents(session)
    user = iam._users.get_scoped(account_id, None, name)
    documents = _documents_of(user, iam._user_inline_policies.get_scoped(account_id, None, name), account_id)
    with request_scope(account_id, get_region()):
        for group_name, group in iam._groups.items():
            if name in group.get("Users", []):
                documents += _documents_of(group, iam._group_inline_policies.get(group_name), account_id)
    return documents


def _documents_of(
    entity: Mapping[str, Any] | None, inline: Mapping[str, Document] | None, account_id: str
) -> list[Document]:
    from ministack.core.iam_evaluator import _resolve_managed_policy_document

    attached = (entity or {}).get("AttachedPolicies", [])
    return (
        [*(inline or {}).values(), *(_resolve_managed_policy_document(arn, account_id) for arn in attached)]
        if entity is not None
        else []
    )


def _sts_session(session: Session) -> dict[str, Any]:
    from ministack.services import sts

    return sts._sessions.get(session.access_key_id) or {}


def _federated_documents(session: Session) -> list[Document] | None:
    user_name = _sts_session(session).get("PrincipalName")
    if not user_name:
        return [{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}]
    return identity_documents(Session(f"arn:aws:iam::{session.account_id}:user/{user_name}", session.account_id))


def _limits(session: Session) -> list[Limit]:
    """The permissions boundary and the session policies of a session.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    from ministack.core.iam_evaluator import _resolve_managed_policy_document
    from ministack.services import iam

    if session.is_root:
        return []
    found: list[Limit] = []
    if session.role_arn is not None:
        entity = role_record(session.role_arn)
    else:
        entity = iam._users.get_scoped(session.account_id, None, session.arn.rsplit("/", 1)[-1])
    boundary = (entity or {}).get("PermissionsBoundary")
    if boundary:
        found.append(Limit("permissions boundary", [_resolve_managed_policy_document(boundary, session.account_id)]))
    passed = _sts_session(session).get("SessionPolicies")
    if passed is not None:
        arns = passed.get("PolicyArns", [])
        inline: list[Document] = [passed["Policy"]] if passed.get("Policy") else []
        found.append(
            Limit(
                "session policy",
                [*inline, *(_resolve_managed_policy_document(arn, session.account_id) for arn in arns)],
            )
        )
    return found


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
    return decide(request, identity_documents(session), _limits(session), policy)


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


def require_all(session: Session, actions: Sequence[str], resource_arn: str) -> None:
    """Raise AccessDenied for the first of `actions` that the session may not make on the resource."""
    for action in actions:
        require(session, action, resource_arn)
