"""KMS's own API: a grant on a key lets its grantee in where neither the key policy nor an IAM policy does.

https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
"""

from collections.abc import Mapping
from typing import Any

from localcloud.emulator.access.authorization import Session
from localcloud.emulator.access.keys import KmsError, find_key
from localcloud.emulator.access.request_authorization import Extension, extend
from localcloud.emulator.key_use.asking import granted, key_context

_NO_CONTEXT: Mapping[str, str] = {}


def _asked(data: Mapping[str, Any], resource_arn: str) -> tuple[str, Mapping[str, str]]:
    """The key as the request names it, and the encryption context that it carries."""
    given = data.get("EncryptionContext")
    return str(data.get("KeyId") or resource_arn), given if isinstance(given, Mapping) else _NO_CONTEXT


def _context(session: Session, action: str, resource_arn: str, data: Mapping[str, Any]) -> dict[str, Any]:
    asked, encryption_context = _asked(data, resource_arn)
    try:
        key = find_key(resource_arn, session.account_id, "")
    except KmsError:
        return {}
    context = key_context(key, asked, encryption_context, session)
    if action == "kms:CreateGrant":
        operations = data.get("Operations")
        context["kms:grantoperations"] = operations if isinstance(operations, list) else None
        context["kms:granteeprincipal"] = data.get("GranteePrincipal")
        context["kms:grantisforawsresource"] = "false"
    return context


def _granted(session: Session, action: str, resource_arn: str, data: Mapping[str, Any]) -> bool:
    _, encryption_context = _asked(data, resource_arn)
    try:
        return granted(session, find_key(resource_arn, session.account_id, ""), action, encryption_context)
    except KmsError:
        return False


def install() -> None:
    """Give KMS requests their condition keys, and let grants allow them."""
    extend("kms", Extension(context=_context, also_allows=_granted))
