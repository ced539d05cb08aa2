"""Deploys what the selected stack's file asks for: one stack is one account in one Region."""

from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.deployment import Place, deploy
from components.errors import SettingsError
from components.kinds import KINDS
from components.roles import shape_roles
from components.secrets import keep_secret, marked, secret_texts
from components.stack_settings import ARCHITECTURES, stack_settings

file = Path(pulumi.get_root_directory()) / f"Pulumi.{pulumi.get_stack()}.yaml"
secrets: frozenset[str] = frozenset()


def value(key: str) -> str | None:
    """What the engine says of a setting of the stack."""
    namespace, _, name = key.partition(":")
    return pulumi.Config(namespace).get(name)


try:
    if pulumi.runtime.is_config_secret(ARCHITECTURES):
        secrets = secret_texts(file, ARCHITECTURES, pulumi.Config("tributary").get_object("architectures"))
        keep_secret(secrets)
    settings = stack_settings(KINDS, file, value)
    shape_roles(settings.roles)
    place = Place(account_id=aws.get_caller_identity_output().account_id, region=settings.region)
    for name, outputs in deploy(settings.architectures, place).items():
        pulumi.export(name, marked(outputs, secrets))
except SettingsError as wrong:
    raise pulumi.RunError(str(wrong)) from None
