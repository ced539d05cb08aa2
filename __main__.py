"""Deploys what the selected stack's file asks for: one stack is one account in one Region."""

import pulumi
import pulumi_aws as aws

from components.deployment import Place, deploy
from components.errors import SettingsError
from components.kinds import KINDS
from components.settings import allowed_account, parse

stack_file = f"Pulumi.{pulumi.get_stack()}.yaml"
try:
    region = pulumi.Config("aws").require("region")
    allowed_account(stack_file, pulumi.Config("aws").get_object("allowedAccountIds"))
    architectures = parse(KINDS, stack_file, pulumi.Config("tributary").get_object("architectures"))
    place = Place(account_id=aws.get_caller_identity_output().account_id, region=region)
    for name, outputs in deploy(architectures, place).items():
        pulumi.export(name, outputs)
except SettingsError as wrong:
    raise pulumi.RunError(str(wrong)) from None
