"""What resource policies say of one role of another account, which need not exist yet."""

import pulumi

from components.policies import Statement, account_root, statement, via_service


def lets(role_arn: str, actions: list[str], resources: pulumi.Input[str] | list[pulumi.Output[str]]) -> Statement:
    """The role may do this."""
    # The account is the principal and the condition names the role, since AWS refuses a principal that does not exist.
    return {
        **statement(actions, resources, {"ArnEquals": {"aws:PrincipalArn": role_arn}}),
        "Principal": {"AWS": account_root(role_arn.split(":")[4], role_arn.split(":")[1])},
    }


def lets_through_s3(role_arn: str, actions: list[str], region: str) -> Statement:
    """For a key's policy: the role may use it, for objects of this Region's buckets only.

    https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html
    """
    allowed = lets(role_arn, actions, "*")  # in a key policy: this key
    return {**allowed, "Condition": {**allowed["Condition"], **via_service("s3", region)}}
