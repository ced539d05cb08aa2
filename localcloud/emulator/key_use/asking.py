"""Whether a principal may use a KMS key through another service, and whether the key can be used at all.

Key policy, the caller's own policies, grants, the key's state and the condition keys kms:ViaService, kms:CallerAccount
and kms:EncryptionContext. https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html,
https://docs.aws.amazon.com/kms/latest/developerguide/enabling-keys.html,
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
"""

from collections.abc import Mapping
from typing import Any

from localcloud.emulator.access.authorization import Session, decision, denial_message, service_allowed
from localcloud.emulator.access.keys import Failure, Key, KmsError, find_key


def key_context(key: Key, asked: str, encryption_context: Mapping[str, str], session: Session) -> dict[str, Any]:
    """KMS's condition keys of a call: https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html"""
    from ministack.services import kms

    record = key.record or {}
    aliases = [
        arn.split(":", 5)[5]
        for arn, key_id in kms._aliases.items_scoped(key.account_id, key.region)
        if key_id == record.get("KeyId")
    ]
    context: dict[str, Any] = {
        "kms:calleraccount": session.account_id,
        "kms:keyorigin": record.get("Origin"),
        "kms:keyspec": record.get("KeySpec"),
        "kms:keyusage": record.get("KeyUsage"),
        "kms:multiregion": str(bool(record.get("MultiRegion"))).lower(),
        "kms:resourcealiases": aliases or None,
        "kms:requestalias": asked.split(":", 5)[-1] if "alias/" in asked else None,
        "kms:encryptioncontextkeys": list(encryption_context) or None,
    }
    context.update({f"kms:encryptioncontext:{name}": value for name, value in encryption_context.items()})
    return context


def granted(session: Session, key: Key, action: str, encryption_context: Mapping[str, str]) -> bool:
    """Whether a grant on the key allows the action.

    https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
    """
    from ministack.services import kms

    principals = {session.arn, session.role_arn}
    return any(
        grant["KeyId"] == key.arn
        and grant["GranteePrincipal"] in principals
        and action.removeprefix("kms:") in grant["Operations"]
        and _within(grant.get("Constraints") or {}, encryption_context)
        for grant in kms._grants.values_scoped(key.account_id, key.region)
    )


def _within(constraints: Mapping[str, Mapping[str, str]], encryption_context: Mapping[str, str]) -> bool:
    """Grant constraints: https://docs.aws.amazon.com/kms/latest/APIReference/API_GrantConstraints.html"""
    equals, subset = constraints.get("EncryptionContextEquals"), constraints.get("EncryptionContextSubset")
    return (equals is None or dict(equals) == dict(encryption_context)) and (
        subset is None or set(subset.items()) <= set(encryption_context.items())
    )


_STATES = {
    "Disabled": (Failure.DISABLED, "{} is disabled."),
    "PendingDeletion": (Failure.INVALID_STATE, "{} is pending deletion."),
    "PendingImport": (Failure.INVALID_STATE, "{} is pending import."),
    "PendingReplicaDeletion": (Failure.INVALID_STATE, "{} is pending replica deletion."),
    "Unavailable": (Failure.INVALID_STATE, "{} is unavailable."),
}


def require_usable(key: Key) -> None:
    """Raise KmsError DISABLED or INVALID_STATE unless the key's state lets it encrypt and decrypt.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
    """
    found = _STATES.get((key.record or {}).get("KeyState", "Enabled"))
    if found is not None:
        raise KmsError(found[0], found[1].format(key.arn))


def require_key(
    session: Session,
    key: str,
    action: str,
    region: str,
    via: str,
    encryption_context: Mapping[str, str] | None = None,
) -> Key:
    """Raise KmsError unless `session` may make `action` (`kms:Decrypt`, …) on the key by a service; return the key.

    `via` is the service's name in kms:ViaService (`kinesis`, `s3`, `dynamodb`, `sqs`, …), empty for a call to KMS
    itself. A key ID or an alias name belongs to the session's account. An AWS managed key (`alias/aws/…`) serves every
    principal of its own account.
    """
    found = find_key(key, session.account_id, region)
    encrypted_with = encryption_context or {}
    context = key_context(found, key, encrypted_with, session)
    if via:
        context |= {"kms:viaservice": f"{via}.{region}.amazonaws.com", "aws:viaawsservice": "true"}
    if via and action == "kms:CreateGrant":
        context["kms:grantisforawsresource"] = "true"
    if found.record is None:
        allowed, reason = (
            found.account_id == session.account_id,
            f"because no resource-based policy allows the {action} action",
        )
    else:
        decided = decision(session, action, found.arn, context, found.region)
        allowed = decided.allowed or (not decided.explicit and granted(session, found, action, encrypted_with))
        reason = decided.reason
    if not allowed:
        raise KmsError(Failure.ACCESS_DENIED, denial_message(session.arn, action, found.arn, reason))
    require_usable(found)
    return found


def require_key_for_service(
    service: str,
    key_arn: str,
    action: str,
    source_arn: str | None,
    source_account: str | None,
    encryption_context: Mapping[str, str],
) -> None:
    """Raise KmsError unless the key policy lets a service principal (`sns.amazonaws.com`, …) use the key for a source.

    An AWS managed key cannot: its policy is not to be changed.
    https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html (compatibility with event sources)
    """
    parts = key_arn.split(":")
    key = find_key(key_arn, parts[4], parts[3])
    policy = (key.record or {}).get("Policy")
    context = {f"kms:encryptioncontext:{name}": value for name, value in encryption_context.items()}
    if not service_allowed(policy, service, action, key.arn, source_arn, source_account, context):
        reason = f"because no resource-based policy allows the {action} action"
        raise KmsError(Failure.ACCESS_DENIED, denial_message(service, action, key.arn, reason))
    require_usable(key)
