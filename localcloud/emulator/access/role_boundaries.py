"""iam:PermissionsBoundary: the boundary by which a policy lets somebody make and change bounded roles and users alone.

https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html#access_policies_boundaries-delegate
"""

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.emulator.patching import replaces

KEY = "iam:PermissionsBoundary"
# The boundary that the request names.
# https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
NAMING = frozenset(
    f"iam:{operation}"
    for operation in ("CreateRole", "CreateUser", "PutRolePermissionsBoundary", "PutUserPermissionsBoundary")
)
# The boundary that the role or user has.
OF_WHAT_IS_THERE = frozenset(
    f"iam:{operation}"
    for operation in (
        "AttachRolePolicy",
        "AttachUserPolicy",
        "DeleteRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DeleteUserPermissionsBoundary",
        "DeleteUserPolicy",
        "DetachRolePolicy",
        "DetachUserPolicy",
        "GetRole",
        "PutRolePolicy",
        "PutUserPolicy",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    )
)


def boundary_of(action: str, params: Mapping[str, Any]) -> str | None:
    """The value of the key for a request; None when it has none, as for an entity without a boundary."""
    if action in NAMING:
        return _first(params, "PermissionsBoundary")
    if action in OF_WHAT_IS_THERE:
        from ministack.services import iam

        role, user = _first(params, "RoleName"), _first(params, "UserName")
        entity = iam._roles.get(role) if role else iam._users.get(user)
        return (entity or {}).get("PermissionsBoundary") or None
    return None


def _first(params: Mapping[str, Any], name: str) -> str | None:
    value = params.get(name)
    found = value[0] if isinstance(value, list) and value else value
    return str(found) if found else None


def install() -> None:
    """Give policies the key."""

    @replaces("ministack.core.iam_actions", "request_tag_context", source="d46adb816e02")
    def request_context(
        original: Callable[..., dict[str, Any]], service: str, iam_action: str, body: bytes, params: dict[str, Any]
    ) -> dict[str, Any]:
        boundary = boundary_of(iam_action, params) if service == "iam" else None
        found = original(service, iam_action, body, params)
        return found if boundary is None else {**found, KEY: boundary}
