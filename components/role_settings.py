"""What an account asks of every role that a stack makes: settings of the whole stack, under `tributary:roles`."""

from typing import Annotated

from pydantic import ValidationError

from components.arns import arn
from components.errors import SettingsError
from components.mistakes import mistake
from components.settings import Settings

KEY = "tributary:roles"


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
