"""What a function in a network reaches: services with an endpoint there, or everything by a way to the internet.

What it does not reach does not answer, and the client waits until it gives up. Through an endpoint the endpoint's
policy has to allow the call as well.
https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import ec2

from localcloud.emulator.access.authorization import denial_message, principal_allows
from localcloud.emulator.access.callers import known_caller
from localcloud.emulator.access.request_authorization import authorized_as
from localcloud.emulator.access.request_resources import resource_of
from localcloud.emulator.access.sessions import Session
from localcloud.emulator.faults.injection import NoAnswer
from localcloud.emulator.networks.endpoints import FULL_ACCESS
from localcloud.emulator.request_gate import Call, Response, before, json_error

HTTPS = 443

# The emulator's name of a service → the end of its endpoint's name.
# https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
SERVICES: Mapping[str, str] = {
    "athena": "athena",
    "dynamodb": "dynamodb",
    "firehose": "kinesis-firehose",
    "glue": "glue",
    "kinesis": "kinesis-streams",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "states": "states",
    "sts": "sts",
}

Record = Mapping[str, Any]


def install() -> None:
    @before(*SERVICES)
    def reach(call: Call) -> Response | None:
        session = known_caller()
        config = None if session is None else _function_of(session)
        if session is None or config is None:
            return None
        _, _, _, region, account_id = str(config["FunctionArn"]).split(":")[:5]
        with request_scope(account_id, region):
            ways = list(policies(config["VpcConfig"], f"com.amazonaws.{region}.{SERVICES[call.service]}"))
        if not ways:
            raise NoAnswer(reset=False)
        action, resource = authorized_as(call.action), resource_of(call) or "*"
        if any(principal_allows(way, session, action, resource, {}, region) for way in ways):
            return None
        reason = f"because no VPC endpoint policy allows the {action} action"
        message = denial_message(session.arn, action, resource, reason)
        return json_error("AccessDeniedException", message)


def _function_of(session: Session) -> Record | None:
    """The configuration of the function in a network whose own session this is, or None."""
    from ministack.services import lambda_svc

    if not session.access_key_id.startswith("ASIA") or session.role_arn is None:
        return None
    name = session.arn.rpartition("/")[2]
    record, config, _ = lambda_svc._get_func_record_for_ref(name)
    if record is None or not (config.get("VpcConfig") or {}).get("SubnetIds"):
        return None
    # As the emulator makes the key of a function's session.
    digest = hashlib.sha256(f"{config['FunctionArn']}:{config['Role']}".encode()).hexdigest()
    return config if session.access_key_id == f"ASIA{digest[:16].upper()}" else None


def policies(network: Record, service_name: str) -> Iterator[str]:
    """The policy of each way from a network to a service; a way that is no endpoint allows everything."""
    subnets, groups = network["SubnetIds"], network["SecurityGroupIds"]
    tables = [table for table in ec2._route_tables.values() if _serves(table, subnets)]
    rules = [rule for one in groups for rule in (ec2._security_groups.get(one) or {}).get("IpPermissionsEgress", [])]
    if _has_way_out(tables) and any(_open(rules, [], ["0.0.0.0/0"])):
        yield FULL_ACCESS
    for endpoint in ec2._vpc_endpoints.values():
        if endpoint["ServiceName"] != service_name or endpoint["VpcId"] != ec2._subnets[subnets[0]]["VpcId"]:
            continue
        if endpoint["VpcEndpointType"] == "Gateway":
            reached = any(table["RouteTableId"] in endpoint["RouteTableIds"] for table in tables) and any(
                rule for rule in rules if _of_https(rule)
            )
        else:
            reached = endpoint["PrivateDnsEnabled"] and _admitted(endpoint, subnets, groups, rules)
        if reached:
            yield endpoint["PolicyDocument"]


def _serves(table: Record, subnets: Iterable[str]) -> bool:
    return any(one.get("SubnetId") in subnets for one in table["Associations"])


def _has_way_out(tables: Iterable[Record]) -> bool:
    """Whether a NAT gateway leads to the internet; a function has no public address for an internet gateway."""
    return any(route.get("NatGatewayId") for table in tables for route in table["Routes"])


def _admitted(endpoint: Record, subnets: list[str], groups: list[str], rules: list[Record]) -> bool:
    """Whether the groups of function and endpoint let HTTPS out of the one and into the other."""
    inward = [
        rule for one in endpoint["Groups"] for rule in (ec2._security_groups.get(one) or {}).get("IpPermissions", [])
    ]
    there, here = (
        [ec2._subnets[one]["CidrBlock"] for one in ids if ec2._subnets.get(one)]
        for ids in (endpoint["SubnetIds"], subnets)
    )
    return any(_open(rules, endpoint["Groups"], there)) and any(_open(inward, groups, here))


def _open(rules: Iterable[Record], groups: Iterable[str], blocks: Iterable[str]) -> Iterator[bool]:
    """Whether each rule lets HTTPS through, to or from one of the groups or the whole of a block."""
    for rule in rules:
        pairs = {pair.get("GroupId") for pair in rule.get("UserIdGroupPairs", [])}
        ranges = [ip_network(one["CidrIp"]) for one in rule.get("IpRanges", [])]
        within = any(ip_network(block).subnet_of(one) for block in blocks for one in ranges)  # type: ignore[arg-type]
        yield _of_https(rule) and (bool(pairs & set(groups)) or within)


def _of_https(rule: Record) -> bool:
    protocol = rule["IpProtocol"]
    first, last = int(rule.get("FromPort", 0)), int(rule.get("ToPort", 65_535))
    return bool(protocol == "-1" or (protocol == "tcp" and first <= HTTPS <= last))
