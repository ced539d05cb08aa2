"""The principals that call AWS, with the policies that are theirs: identity-based, boundary and session policies.

Everything is looked up in the emulator's IAM and STS stores when it is asked, so that a change counts from then on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_region, request_scope

from localcloud.emulator.access.policies import Document, Limit


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


def limits(session: Session) -> list[Limit]:
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
