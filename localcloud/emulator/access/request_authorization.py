"""Authorizes every API request by `authorization`, in place of the emulator's own evaluation.

The emulator authenticates (signatures, session tokens, expiry); what this adds is AWS's evaluation across accounts,
aws:PrincipalArn of a session as the ARN of its role, exact matching of principals, resource policies of DynamoDB, and
messages that name the resource.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
"""

import contextvars
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.iam_evaluator import AuthError, EvalContext, EvalResult
from ministack.core.responses import get_account_id

from localcloud.emulator.access.authorization import (
    ANONYMOUS,
    Session,
    decision,
    denial_message,
    principal_allows,
    role_record,
    service_allowed,
    service_denied,
    session_of,
)
from localcloud.emulator.access.callers import caller, known_caller, set_caller
from localcloud.emulator.access.calls import note
from localcloud.emulator.access.policies import Named
from localcloud.emulator.patching import replaces
from localcloud.emulator.request_gate import current_data

_denial: contextvars.ContextVar[str] = contextvars.ContextVar("request_denial", default="")

# Answered with status 400, as AWS's JSON protocols do:
# https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html
_DENIED_WITH_400 = frozenset({"dynamodb", "dynamodbstreams", "firehose", "kinesis", "kms", "logs"})

# A bucket's owner cannot lock itself out: https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
_NEVER_DENIED_TO_ROOT = frozenset({"s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"})

# Handled together with the trust policy, which alone knows the external ID: see `_trust`.
_DECIDED_BY_TRUST = frozenset({"sts:AssumeRole"})

# Operations on several messages are authorized by the action on one:
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html , …/list_amazonsns.html
_AUTHORIZED_AS = {
    "sns:PublishBatch": "sns:Publish",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}


def authorized_as(action: str) -> str:
    """The action that policies have to allow for a call."""
    return _AUTHORIZED_AS.get(action, action)


@dataclass(frozen=True)
class Extension:
    """What a service adds to authorization: condition keys of its own, and another way in when no policy allows.

    Both get the session, the action, the ARN of the resource and the parameters of the request.
    """

    context: Callable[[Session, str, str, Mapping[str, Any]], Mapping[str, Any]]
    also_allows: Callable[[Session, str, str, Mapping[str, Any]], bool]


_extensions: dict[str, Extension] = {}


def extend(service: str, extension: Extension) -> None:
    """Register the extension of a service."""
    _extensions[service] = extension


def deny(message: str) -> None:
    """Keep the message of a denial for the response that the emulator writes next in this request."""
    _denial.set(message)


def _result(
    session: Session, action: str, resource_arn: str, explicit: bool, reason: str, by_resource: bool
) -> EvalResult:
    deny(denial_message(session.arn, action, resource_arn, reason))
    return EvalResult(
        "Deny" if explicit else "ImplicitDeny",
        principal_arn=session.arn,
        reason=reason,
        resource_policy_arn=resource_arn if by_resource else "",
    )


def _enforce(
    original: Callable[..., Any],
    access_key_id: str,
    iam_action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: Mapping[str, Any] | None = None,
) -> EvalResult | AuthError | None:
    from ministack.core import iam_evaluator

    context, iam_action = service_context or {}, authorized_as(iam_action)
    if iam_evaluator._anonymous.get() or not access_key_id:
        set_caller(ANONYMOUS)
        return original(access_key_id, iam_action, service, region, resource_arn, service_context)
    # An action that AWS always allows: the original then authenticates, and decides nothing.
    refused = original(access_key_id, "sts:GetCallerIdentity", service, region)
    if refused is not None or iam_action in iam_evaluator._ALWAYS_ALLOWED_ACTIONS:
        return refused
    principal = iam_evaluator.resolve_principal(access_key_id, get_account_id())
    if isinstance(principal, AuthError):
        return principal
    session = session_of(principal.arn, principal.account, access_key_id, principal.keys)
    set_caller(session)
    if service == "s3" and ("s3:dataaccesspointarn" in context or "MultiRegionAccessPoint" in iam_action):
        return original(access_key_id, iam_action, service, region, resource_arn, service_context)
    if iam_action in _DECIDED_BY_TRUST:
        if role_record(resource_arn) is None:
            return _result(session, iam_action, resource_arn, False, "", False)
        return None
    refused = _refused(session, iam_action, service, region, resource_arn, context)
    note(session, iam_action, resource_arn, allowed=refused is None)
    return refused


def _refused(
    session: Session, iam_action: str, service: str, region: str, resource_arn: str, context: Mapping[str, Any]
) -> EvalResult | None:
    extension, data = _extensions.get(service), current_data()
    if extension is not None:
        context = {**context, **extension.context(session, iam_action, resource_arn, data)}
    decided = decision(session, iam_action, resource_arn, context, region, service)
    if decided.allowed:
        return None
    if (
        extension is not None
        and not decided.explicit
        and extension.also_allows(session, iam_action, resource_arn, data)
    ):
        return None
    by_resource = decided.decided_by == "resource-based policy"
    if service == "s3" and by_resource and not decided.explicit:
        return None  # An ACL may still grant it: `_apply_bucket_scope` decides by both.
    if session.is_root and iam_action in _NEVER_DENIED_TO_ROOT:
        return None
    return _result(session, iam_action, resource_arn, decided.explicit, decided.reason, by_resource)


def _trust(original: Callable[..., bool], trust_doc: Any, caller_arn: str, ctx: EvalContext | None = None) -> bool:
    """Whether the caller may assume a role: its trust policy and the caller's own policies together.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-user_externalid.html
    """
    if ctx is None or ctx.action not in ("sts:AssumeRole", "sts:TagSession"):
        return original(trust_doc, caller_arn, ctx)
    context = {**ctx.service_context, **{f"aws:requesttag/{name}": value for name, value in ctx.request_tags.items()}}
    context["aws:tagkeys"] = ctx.tag_keys or None
    return decision(caller(), ctx.action, ctx.resource_arn, context, ctx.region).allowed


def _resource_policy(
    original: Callable[..., EvalResult],
    doc: Any,
    ctx: EvalContext,
    service: str | None = None,
    named_only: bool = False,
    direct_only: bool = False,
) -> EvalResult:
    """A resource policy's own answer, for the services that ask it themselves (S3, SNS, SQS, Lambda).

    They ask for the account's root user where AWS asks for the principal of the request.
    """
    if service is not None:
        source = (doc, service, ctx.action, ctx.resource_arn)
        arn, account_id = ctx.service_context.get("aws:sourcearn"), ctx.service_context.get("aws:sourceaccount")
        if service_denied(*source, arn, account_id, ctx.service_context):
            return EvalResult("Deny", ctx.principal_arn, resource_policy_arn=ctx.resource_arn)
        found = service_allowed(*source, arn, account_id, ctx.service_context)
        return EvalResult("Allow" if found else "ImplicitDeny", ctx.principal_arn)
    session = session_of(ctx.principal_arn, ctx.principal_account, keys=ctx.principal_keys)
    current = known_caller()
    if session.is_root and current is not None and current.account_id == session.account_id:
        session = current
    named = principal_allows(doc, session, ctx.action, ctx.resource_arn, ctx.service_context, ctx.region)
    if named is None:
        return EvalResult("Deny", session.arn, resource_policy_arn=ctx.resource_arn)
    least = Named.SESSION if direct_only else Named.ANYONE if named_only else Named.ACCOUNT
    return EvalResult("Allow" if named >= least else "ImplicitDeny", session.arn)


def _denied_response(
    original: Callable[..., Any], service: str, action: str, principal_arn: str, request_id: str, **more: Any
) -> Any:
    kept = _denial.get()
    authorization_failed = not more.get("error_code")
    if authorization_failed and kept and not more.get("message"):
        more["message"] = kept
    status, headers, body = original(service, action, principal_arn, request_id, **more)
    if authorization_failed and service in _DENIED_WITH_400:
        status = 400
    if authorization_failed and service == "logs" and kept:
        body = json.dumps({"__type": "AccessDeniedException", "Message": kept}).encode()
    return status, headers, body


def install() -> None:
    """Put AWS's evaluation in the place of the emulator's."""
    replaces("ministack.core.iam_evaluator", "enforce", source="cf64b1ee5b09")(_enforce)
    replaces("ministack.core.iam_evaluator", "evaluate_trust_policy", source="4b50aa29ad29")(_trust)
    replaces("ministack.core.iam_evaluator", "evaluate_resource_policy", source="e49ce7161ad6")(_resource_policy)
    replaces("ministack.core.iam_actions", "access_denied_response", source="3cc2e315f91f")(_denied_response)
