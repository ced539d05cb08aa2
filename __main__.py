"""Deploys what the selected stack's file asks for: one stack is one account in one Region."""

from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.deployment import Place, deploy
from components.errors import SettingsError
from components.kinds import KINDS
from components.roles import role_settings, shape_roles
from components.stack_files import allowed_account, check_place, deployed_region, other_stacks, parse

stack_file = f"Pulumi.{pulumi.get_stack()}.yaml"
try:
    region = deployed_region(stack_file, pulumi.Config("aws").get("region"))
    account_id = allowed_account(stack_file, pulumi.Config("aws").get_object("allowedAccountIds"))
    architectures = parse(KINDS, stack_file, pulumi.Config("tributary").get_object("architectures"))
    shape_roles(role_settings(stack_file, pulumi.Config("tributary").get_object("roles")))
    others = other_stacks(KINDS, Path(pulumi.get_root_directory()), stack_file)
    check_place(stack_file, account_id, region, architectures, others)
    place = Place(account_id=aws.get_caller_identity_output().account_id, region=region)
    for name, outputs in deploy(architectures, place).items():
        pulumi.export(name, outputs)
except SettingsError as wrong:
    raise pulumi.RunError(str(wrong)) from None
