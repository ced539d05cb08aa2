"""What Lambda asks before it brings a function into a network: subnets, groups and permissions of the role.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html
"""

from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_region
from ministack.services import ec2

from localcloud.emulator.access.authorization import allowed
from localcloud.emulator.access.sessions import session_of
from localcloud.emulator.request_gate import Call, Response, before, json_error

_INVALID = "InvalidParameterValueException"
# What Lambda does as the function's role.
_ACTIONS = ("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface")


def install() -> None:
    @before("lambda")
    def networks(call: Call) -> Response | None:
        if call.action not in ("lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"):
            return None
        message = refusal(call.data.get("VpcConfig") or {}, str(call.data.get("Role") or _role_of(call)))
        return json_error(_INVALID, message) if message else None


def _role_of(call: Call) -> str:
    """The role of the function whose configuration is updated."""
    from ministack.services import lambda_svc

    name = call.path.split("/functions/")[-1].split("/")[0]
    record, config, _ = lambda_svc._get_func_record_for_ref(name)
    return str((config or {}).get("Role", "")) if record else ""


def refusal(network: Mapping[str, Any], role_arn: str) -> str | None:
    """Why a function with this role cannot be in this network, or None."""
    subnets, groups = network.get("SubnetIds") or [], network.get("SecurityGroupIds") or []
    if not subnets and not groups:
        return None
    if not subnets or not groups:
        return "SubnetIds and SecurityGroupIds must both be given, or both be empty."
    for kind, ids, known in (("subnet", subnets, ec2._subnets), ("security group", groups, ec2._security_groups)):
        for one in ids:
            if known.get(one) is None:
                return f"Error occurred while DescribeSubnets: The {kind} ID '{one}' does not exist"
    vpcs = {ec2._subnets[one]["VpcId"] for one in subnets} | {ec2._security_groups[one].get("VpcId") for one in groups}
    if len(vpcs) > 1:
        return "Security Groups and Subnets must be in the same VPC."
    account_id = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    name = role_arn.rpartition("/")[2]
    session = session_of(f"arn:aws:sts::{account_id}:assumed-role/{name}/lambda", account_id)
    for action in _ACTIONS:
        if not allowed(session, action, "*", region=get_region()):
            return f"The provided execution role does not have permissions to call {action.partition(':')[2]} on EC2"
    return None
