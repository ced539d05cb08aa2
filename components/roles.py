"""Shapes every role that a stack makes as its account asks for."""

import json
from typing import Any

import pulumi

from components.regions import service_principal
from components.role_settings import RoleSettings

ROLE = "aws:iam/role:Role"


def shape_roles(settings: RoleSettings) -> None:
    """Apply the settings to every role that the program declares from now on."""

    def shape(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ != ROLE:
            return None
        props: dict[str, Any] = dict(args.props)
        if settings.permissions_boundary:
            props["permissions_boundary"] = settings.permissions_boundary
        if not settings.lambda_source_account:
            props["assume_role_policy"] = pulumi.Output.from_input(props["assume_role_policy"]).apply(unconditional)
        return pulumi.ResourceTransformationResult(props=props, opts=args.opts)

    if settings != RoleSettings():
        pulumi.runtime.register_stack_transformation(shape)


def unconditional(trust: str) -> str:
    """The trust policy without the condition under which Lambda may assume the role; others stay as they are."""
    document = json.loads(trust)
    for statement in document["Statement"]:
        if statement["Principal"].get("Service") == service_principal("lambda"):
            statement.pop("Condition", None)
    return json.dumps(document)
