"""What an account asks of every role that a stack makes: settings of the whole stack, under `tributary:roles`."""

import json
from typing import Annotated, Any

import pulumi
from pydantic import ValidationError

from components.arns import arn
from components.errors import SettingsError
from components.mistakes import mistake
from components.regions import service_principal
from components.settings import Settings

KEY = "tributary:roles"
ROLE = "aws:iam/role:Role"


class RoleSettings(Settings):
    """`permissions_boundary` is a managed policy that bounds every role; a deployer that may only make bounded roles
    cannot give more than it.

    `lambda_source_account: false` leaves `aws:SourceAccount` out of what functions' roles trust: AWS documents that
    Firehose and Step Functions say it, and does not of Lambda.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
    """

    permissions_boundary: Annotated[str, *arn("iam", "policy/.+", region="")] | None = None
    lambda_source_account: bool = True


def role_settings(file: str, found: object) -> RoleSettings:
    """The stack's settings of its roles. Raises SettingsError."""
    try:
        return RoleSettings.model_validate({} if found is None else found)
    except ValidationError as invalid:
        told = [f"{file}: {mistake(RoleSettings, KEY, error)}" for error in invalid.errors()]
        raise SettingsError("\n".join(told)) from None


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
