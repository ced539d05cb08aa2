"""IAM policy documents as plain data: the few shapes that every component writes."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components.regions import dns_suffix_of, service_principal

Statement = dict[str, Any]


def statement(
    actions: Sequence[str],
    resources: pulumi.Input[str] | Sequence[pulumi.Input[str]],
    conditions: Mapping[str, Any] | None = None,
) -> Statement:
    """Allow `actions` on `resources`, under `conditions` (operator → key → value)."""
    allowed: Statement = {"Effect": "Allow", "Action": list(actions), "Resource": resources}
    return {**allowed, "Condition": dict(conditions)} if conditions else allowed


def document(statements: Sequence[Statement]) -> pulumi.Output[str]:
    """The policy document with these statements, as JSON text."""
    return pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})


def combined(statements: Sequence[Statement]) -> list[Statement]:
    """The statements, those that allow the same on several resources as one: a role's policies have 10,240 characters.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    groups: list[tuple[Statement, list[pulumi.Input[str]]]] = []
    for one in statements:
        rest = {key: value for key, value in one.items() if key != "Resource"}
        found = one["Resource"] if isinstance(one["Resource"], list | tuple) else [one["Resource"]]
        group = next((resources for same, resources in groups if same == rest), None)
        if group is None:
            groups.append((rest, group := []))
        group += [resource for resource in found if not any(resource is known for known in group)]
    return [{**rest, "Resource": known[0] if len(known) == 1 else known} for rest, known in groups]


def account_root(account_id: pulumi.Input[str], partition: str) -> pulumi.Output[str]:
    """An account as a principal."""
    return pulumi.Output.concat("arn:", partition, ":iam::", account_id, ":root")


def trusts_service(service: str, account_id: pulumi.Input[str]) -> pulumi.Output[str]:
    """A trust policy for a service such as `lambda` that acts for resources of this account only (no confused deputy).

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": service_principal(service)},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
            }
        ]
    )


def trusts_role(role_arns: str | Sequence[str], external_id: pulumi.Input[str] | None) -> pulumi.Output[str]:
    """A trust policy for one role of another account, or for several of that account, which need not exist yet.

    The principal is the account and the condition names the role, because IAM refuses a principal that does not
    exist. For a role session `aws:PrincipalArn` is the ARN of the role.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn
    """
    _, partition, _, _, account_id, *_ = (role_arns if isinstance(role_arns, str) else role_arns[0]).split(":")
    conditions: dict[str, Any] = {"ArnEquals": {"aws:PrincipalArn": role_arns}}
    if external_id is not None:
        conditions["StringEquals"] = {"sts:ExternalId": external_id}
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition}:iam::{account_id}:root"},
                "Action": "sts:AssumeRole",
                "Condition": conditions,
            }
        ]
    )


def via_service(service: str, region: str) -> dict[str, Any]:
    """The condition that a key is used through a service of this Region.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
    """
    return {"StringEquals": {"kms:ViaService": f"{service}.{region}.{dns_suffix_of(region)}"}}


def uses_key(key_arn: pulumi.Input[str], actions: Sequence[str], service: str, region: str) -> Statement:
    """Allow `actions` (without the `kms:` prefix) on a key, but only through `service` in `region`."""
    return statement([f"kms:{action}" for action in actions], key_arn, via_service(service, region))


def canonical(policy: Mapping[str, Any]) -> str:
    """A policy as JSON text with sorted keys, for values that are known before the deployment."""
    return json.dumps(policy, sort_keys=True)
