"""The API of VPC endpoints: policy, security groups, private DNS and filters, which the emulator forgets.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html
"""

import json
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_region
from ministack.services import ec2

from localcloud.emulator.patching import replaces

MODULE = "ministack.services.ec2"

Endpoint = MutableMapping[str, Any]
Parameters = Mapping[str, Any]
Answer = tuple[int, dict[str, str], bytes]

# What an endpoint allows that was made without a policy.
# https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html#default-endpoint-policy
FULL_ACCESS = json.dumps(
    {"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
)
_FILTERED = {
    "service-name": "ServiceName",
    "vpc-endpoint-id": "VpcEndpointId",
    "vpc-endpoint-state": "State",
    "vpc-endpoint-type": "VpcEndpointType",
    "vpc-id": "VpcId",
}


def _list(parameters: Parameters, name: str) -> list[str]:
    found: list[str] = ec2._parse_member_list(parameters, name)
    return found


def _create(original: Callable[[Parameters], Answer], parameters: Parameters) -> Answer:
    service = str(ec2._p(parameters, "ServiceName"))
    if service.startswith("com.amazonaws.") and not service.startswith(f"com.amazonaws.{get_region()}."):
        return _error("InvalidServiceName", f"The Vpc Endpoint Service '{service}' does not exist")
    groups = _list(parameters, "SecurityGroupId")
    for kind, ids, known in (
        ("InvalidSubnetId.NotFound", _list(parameters, "SubnetId"), ec2._subnets),
        ("InvalidRouteTableId.NotFound", _list(parameters, "RouteTableId"), ec2._route_tables),
        ("InvalidSecurityGroupId.NotFound", groups, ec2._security_groups),
    ):
        for one in ids:
            if known.get(one) is None:
                return _error(kind, f"The ID '{one}' does not exist")
    before = set(ec2._vpc_endpoints.keys())
    status, headers, body = original(parameters)
    [made] = set(ec2._vpc_endpoints.keys()) - before
    endpoint = ec2._vpc_endpoints[made]
    interface = endpoint["VpcEndpointType"] == "Interface"
    endpoint["PolicyDocument"] = ec2._p(parameters, "PolicyDocument") or FULL_ACCESS
    endpoint["PrivateDnsEnabled"] = interface and ec2._p(parameters, "PrivateDnsEnabled", "true") == "true"
    endpoint["Groups"] = groups or (_default_group(endpoint["VpcId"]) if interface else [])
    return status, headers, _body("CreateVpcEndpointResponse", "vpcEndpoint", endpoint) or body


def _body(response: str, tag: str, endpoint: Endpoint) -> bytes:
    body: bytes = ec2._xml(200, response, ec2._vpce_fields_xml(endpoint, tag=tag))[2]
    return body


def _default_group(vpc_id: str) -> list[str]:
    groups = ec2._security_groups.values()
    return [one["GroupId"] for one in groups if one.get("VpcId") == vpc_id and one["GroupName"] == "default"]


def _modify(original: Callable[[Parameters], Answer], parameters: Parameters) -> Answer:
    answer = original(parameters)
    endpoint = ec2._vpc_endpoints.get(ec2._p(parameters, "VpcEndpointId"))
    if endpoint is None:
        return answer
    added, removed = _list(parameters, "AddSecurityGroupId"), set(_list(parameters, "RemoveSecurityGroupId"))
    kept = [one for one in endpoint.get("Groups", []) if one not in removed]
    endpoint["Groups"] = [*kept, *(one for one in added if one not in kept)]
    if ec2._p(parameters, "ResetPolicy") == "true":
        endpoint["PolicyDocument"] = FULL_ACCESS
    if private := ec2._p(parameters, "PrivateDnsEnabled"):
        endpoint["PrivateDnsEnabled"] = private == "true"
    return answer


def _describe(original: Callable[[Parameters], Answer], parameters: Parameters) -> Answer:
    ids = _list(parameters, "VpcEndpointId")
    if missing := [one for one in ids if ec2._vpc_endpoints.get(one) is None]:
        return _error("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{missing[0]}' does not exist")
    filters = ec2._parse_filters(parameters)
    if unknown := sorted(filters.keys() - _FILTERED.keys()):
        return _error("InvalidParameterValue", f"The filter '{unknown[0]}' is invalid")
    found = [
        endpoint
        for endpoint in ec2._vpc_endpoints.values()
        if (not ids or endpoint["VpcEndpointId"] in ids)
        and all(endpoint[_FILTERED[name]] in values for name, values in filters.items())
    ]
    items = "".join(ec2._vpce_fields_xml(endpoint) for endpoint in found)
    answer: Answer = ec2._xml(200, "DescribeVpcEndpointsResponse", f"<vpcEndpointSet>{items}</vpcEndpointSet>")
    return answer


def _fields(original: Callable[..., str], endpoint: Endpoint, tag: str = "item") -> str:
    text = original(endpoint, tag)
    groups = "".join(f"<item><groupId>{one}</groupId></item>" for one in endpoint.get("Groups", []))
    more = (
        f"<policyDocument>{escape(endpoint.get('PolicyDocument', FULL_ACCESS))}</policyDocument>"
        f"<privateDnsEnabled>{str(endpoint.get('PrivateDnsEnabled', False)).lower()}</privateDnsEnabled>"
        f"<groupSet>{groups}</groupSet>"
    )
    head, end, tail = text.rpartition(f"</{tag}>")
    return f"{head}{more}{end}{tail}"


def _error(code: str, message: str) -> Answer:
    answer: Answer = ec2._error(code, message, 400)
    return answer


def install() -> None:
    """Put the functions in place, in the module and in its table of operations."""
    replaces(MODULE, "_vpce_fields_xml", source="645fd486d622")(_fields)
    for operation, name, source, replacement in (
        ("CreateVpcEndpoint", "_create_vpc_endpoint", "d5a50e265189", _create),
        ("ModifyVpcEndpoint", "_modify_vpc_endpoint", "f60c0a5a042f", _modify),
        ("DescribeVpcEndpoints", "_describe_vpc_endpoints", "aabef31a8419", _describe),
    ):
        replaces(MODULE, name, source=source)(replacement)
        ec2._ACTION_MAP[operation] = getattr(ec2, name)
