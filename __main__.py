"""Deploys what the selected stack's file asks for: one stack is one account in one Region."""

import pulumi
import pulumi_aws as aws

from components.deployment import Place, deploy
from components.errors import SettingsError
from components.kinds import KINDS
from components.stack_settings import stack_settings


def value(key: str) -> str | None:
    """What the engine says of a setting of the stack."""
    namespace, _, name = key.partition(":")
    return pulumi.Config(namespace).get(name)


try:
    settings = stack_settings(KINDS, f"Pulumi.{pulumi.get_stack()}.yaml", value)
    place = Place(account_id=aws.get_caller_identity_output().account_id, region=settings.region)
    for name, outputs in deploy(settings.architectures, place).items():
        pulumi.export(name, outputs)
except SettingsError as wrong:
    raise pulumi.RunError(str(wrong)) from None
