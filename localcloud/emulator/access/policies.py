"""Evaluates policy documents for one request, as AWS's evaluation logic does; pure, knows no store and no service.

The order and the meaning of every element follow
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html. The condition operators are
the emulator's.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from ministack.core.iam_evaluator import _evaluate_single_condition, fnmatch_iam, fnmatch_iam_cs

Statement = Mapping[str, Any]
Document = str | Mapping[str, Any] | None


class Named(IntEnum):
    """How directly a Principal element names the caller; the larger, the more directly.

    Only ACCOUNT leaves the decision to the caller's own policies; SESSION, which also stands for an IAM user, is not
    limited by permissions boundaries and session policies.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html
    """

    NOT = 0
    ACCOUNT = 1
    ANYONE = 2
    ROLE = 3
    SESSION = 4


@dataclass(frozen=True)
class Principal:
    """Who calls.

    `arn` is a root, user, assumed-role session or federated user ARN, or a service principal such as
    `sns.amazonaws.com`.
    """

    arn: str
    account_id: str
    role_arn: str | None = None
    is_service: bool = False


@dataclass(frozen=True)
class Request:
    """One call to be decided: `context` holds the condition keys in lower case; a key that is not in it is absent."""

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)


@functools.lru_cache(maxsize=2048)
def _parsed(document: str) -> tuple[Statement, ...]:
    try:
        found = json.loads(document)
    except ValueError:
        return ()
    return _statements_of(found)


def _statements_of(document: Any) -> tuple[Statement, ...]:
    listed = document.get("Statement", []) if isinstance(document, Mapping) else []
    listed = [listed] if isinstance(listed, Mapping) else listed
    return (
        tuple(statement for statement in listed if isinstance(statement, Mapping)) if isinstance(listed, list) else ()
    )


def statements(document: Document) -> tuple[Statement, ...]:
    """The statements of a policy document (JSON text or parsed); none when it is empty or not a policy."""
    return _parsed(document) if isinstance(document, str) else _statements_of(document)


def as_list(value: Any) -> list[Any]:
    """A policy element that may be one value or a list, as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple)) else [value]


_VARIABLE = re.compile(r"\$\{([^},]+)(?:,\s*'([^']*)')?\}")


def _substituted(pattern: str, context: Mapping[str, Any]) -> str | None:
    """`pattern` with its policy variables replaced; None, which matches nothing, when one has no value and no default.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    if "${" not in pattern:
        return pattern
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        name, default = match.group(1).strip(), match.group(2)
        found = context.get(name.lower(), default)
        if found is None or isinstance(found, list):
            missing = True
            return ""
        return str(found)

    replaced = _VARIABLE.sub(value, pattern)
    return None if missing else replaced


def _like(value: str, pattern: str, context: Mapping[str, Any]) -> bool:
    replaced = _substituted(pattern, context)
    return replaced is not None and fnmatch_iam_cs(value, replaced)


def _applies_to_action(statement: Statement, action: str) -> bool:
    if "Action" in statement:
        return any(fnmatch_iam(action, str(pattern)) for pattern in as_list(statement["Action"]))
    return "NotAction" in statement and not any(
        fnmatch_iam(action, str(pattern)) for pattern in as_list(statement["NotAction"])
    )


def _applies_to_resource(statement: Statement, request: Request) -> bool:
    if "Resource" in statement:
        return any(_like(request.resource, str(pattern), request.context) for pattern in as_list(statement["Resource"]))
    if "NotResource" in statement:
        return not any(
            _like(request.resource, str(pattern), request.context) for pattern in as_list(statement["NotResource"])
        )
    return True  # A trust policy has no Resource: it applies to the role that it is attached to.


def _conditions_hold(statement: Statement, context: Mapping[str, Any]) -> bool:
    for operator, block in (statement.get("Condition") or {}).items():
        if not isinstance(block, Mapping):
            return False
        for key, expected in block.items():
            values = [_substituted(_condition_text(value), context) for value in as_list(expected)]
            if not _evaluate_single_condition(
                operator, context.get(key.lower()), [value for value in values if value is not None]
            ):
                return False
    return True


def _condition_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_ROOT_ARN = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")


def _names_one(entry: str, kind: str, principal: Principal) -> Named:
    if kind == "Service":
        return Named.SESSION if principal.is_service and entry.lower() == principal.arn.lower() else Named.NOT
    if kind != "AWS":
        return Named.NOT
    if entry == "*":
        return Named.ANYONE
    if principal.is_service:
        return Named.NOT
    if entry == principal.arn and not entry.endswith(":root"):
        return Named.SESSION
    if entry == principal.role_arn:
        return Named.ROLE
    root = _ROOT_ARN.fullmatch(entry)
    if principal.account_id and (root.group(1) if root else entry) == principal.account_id:
        return Named.ACCOUNT
    return Named.NOT


def _names(element: Any, principal: Principal) -> Named:
    if element == "*":
        return Named.ANYONE
    if not isinstance(element, Mapping):
        return Named.NOT
    return max(
        (_names_one(str(entry), kind, principal) for kind, entries in element.items() for entry in as_list(entries)),
        default=Named.NOT,
    )


def _named_by(statement: Statement, principal: Principal) -> Named:
    if "Principal" in statement:
        return _names(statement["Principal"], principal)
    if "NotPrincipal" in statement and statement.get("Effect") == "Deny":
        return Named.NOT if _names(statement["NotPrincipal"], principal) else Named.ANYONE
    return Named.NOT


def _matching(documents: Iterable[Document], effect: str, request: Request) -> Iterable[Statement]:
    for document in documents:
        for statement in statements(document):
            if (
                statement.get("Effect") == effect
                and _applies_to_action(statement, request.action)
                and _applies_to_resource(statement, request)
                and _conditions_hold(statement, request.context)
            ):
                yield statement


def denies(documents: Iterable[Document], request: Request) -> bool:
    """Whether an identity-based policy, boundary or session policy among `documents` denies explicitly."""
    return any(True for _ in _matching(documents, "Deny", request))


def allows(documents: Iterable[Document], request: Request) -> bool:
    """Whether an identity-based policy, boundary or session policy among `documents` allows."""
    return any(True for _ in _matching(documents, "Allow", request))


def resource_denies(document: Document, request: Request) -> bool:
    """Whether a resource-based policy denies the principal of the request explicitly."""
    return any(_named_by(statement, request.principal) for statement in _matching([document], "Deny", request))


def resource_allows(document: Document, request: Request) -> Named:
    """How directly a resource-based policy allows the principal of the request; NOT when it does not."""
    return max(
        (_named_by(statement, request.principal) for statement in _matching([document], "Allow", request)),
        default=Named.NOT,
    )


@dataclass(frozen=True)
class Limit:
    """Policies that only narrow what the others allow.

    `kind` as AWS's messages name it: `permissions boundary`, `session policy`.
    """

    kind: str
    documents: Sequence[Document]


@dataclass(frozen=True)
class ResourcePolicy:
    """A resource's own policy with the account that owns the resource.

    `must_allow`: it has to allow even within its own account, as key policies and trust policies do
    (https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html).
    """

    document: Document
    owner_account_id: str | None
    must_allow: bool = False


@dataclass(frozen=True)
class Decision:
    """`reason` completes AWS's sentence `… is not authorized to perform: … on resource: …`; empty when allowed.

    `decided_by` is the kind of the policy that denied explicitly, or whose Allow is missing.
    """

    allowed: bool
    reason: str = ""
    explicit: bool = False
    decided_by: str = ""


ALLOWED = Decision(True)


def _explicit(kind: str) -> Decision:
    article = "an" if kind[0] in "aeiou" else "a"
    return Decision(False, f"with an explicit deny in {article} {kind}", True, kind)


def _implicit(kind: str, action: str) -> Decision:
    return Decision(False, f"because no {kind} allows the {action} action", False, kind)


def decide(
    request: Request,
    identity: Sequence[Document] | None,
    limits: Sequence[Limit] = (),
    resource: ResourcePolicy | None = None,
) -> Decision:
    """Decide a request from the caller's identity-based policies, what limits them, and the resource's own policy.

    `identity` None stands for an account's root user, who needs no identity-based policy. Within one account either
    side may allow; across accounts both must
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html). The
    sentences are those of https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
    """
    if identity is not None and denies(identity, request):
        return _explicit("identity-based policy")
    for limit in limits:
        if denies(limit.documents, request):
            return _explicit(limit.kind)
    if resource is not None and resource_denies(resource.document, request):
        return _explicit("resource-based policy")

    named = resource_allows(resource.document, request) if resource is not None else Named.NOT
    exceeded = next((limit for limit in limits if not allows(limit.documents, request)), None)
    own = identity is None or allows(identity, request)
    owner = resource.owner_account_id if resource is not None else None
    if resource is not None and owner is not None and owner != request.principal.account_id:
        if not own:
            return _implicit("identity-based policy", request.action)
        if exceeded:
            return _implicit(exceeded.kind, request.action)
        return ALLOWED if named else _implicit("resource-based policy", request.action)

    if named is Named.SESSION:
        return ALLOWED
    if named >= Named.ANYONE:
        return ALLOWED if exceeded is None else _implicit(exceeded.kind, request.action)
    if resource is not None and resource.must_allow and not named:
        return _implicit("resource-based policy", request.action)
    if not own:
        return _implicit("identity-based policy", request.action)
    return ALLOWED if exceeded is None else _implicit(exceeded.kind, request.action)
