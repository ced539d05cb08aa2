"""The network that the platform's functions join when a target is in one, such as a cache."""

from collections.abc import Sequence
from typing import NamedTuple

import pulumi

from components.fan_out.services import SERVICES
from components.fan_out.settings import NetworkOfCaches, PlatformSettings
from components.function import FunctionNetwork
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.network_settings import ExistingNetwork
from components.policies import Statement, statement

# Redis or Valkey, Memcached, and domains of OpenSearch in the network.
PORTS = (6379, 11_211, 443)


class Joined(NamedTuple):
    """Where the functions run, None: in no network; and what the stack exports of it, for whoever makes the caches."""

    network: FunctionNetwork | None
    outputs: dict[str, pulumi.Input[object]]


def joined(
    name: str, settings: PlatformSettings, statements: Sequence[Statement], region: str, opts: pulumi.ResourceOptions
) -> Joined:
    """The network that the settings ask for; `statements` are what the functions may do."""
    network = settings.network
    if network is None:
        return Joined(None, {})
    if isinstance(network, ExistingNetwork):
        known = FunctionNetwork(subnet_ids=network.subnet_ids, security_group_ids=network.security_group_ids)
        return Joined(known, {})
    made = PrivateNetwork(
        name,
        PrivateNetworkArgs(
            cidr_block=network.cidr_block,
            region=region,
            endpoints={"sts": [_may("sts:AssumeRole", "sts:GetCallerIdentity")], **_endpoints(network, statements)},
            gateways={"dynamodb": [_may("dynamodb:*")], "s3": [_may("s3:*")]},
            ports=PORTS,
        ),
        opts,
    )
    joined = FunctionNetwork(subnet_ids=made.subnet_ids, security_group_ids=[made.security_group_id], ready=made.ready)
    return Joined(
        joined,
        {"vpcId": made.vpc_id, "subnetIds": made.subnet_ids, "functionSecurityGroupId": made.security_group_id},
    )


def _endpoints(network: NetworkOfCaches, statements: Sequence[Statement]) -> dict[str, list[Statement]]:
    """An endpoint for each service that is sent to: those of the role's own statements, and those that are named."""
    allowed = {action.partition(":")[0] for one in statements for action in one["Action"]}
    return {
        SERVICES[service].endpoint: [_may(*SERVICES[service].actions)]
        for service in sorted(allowed & SERVICES.keys() | set(network.services))
        if SERVICES[service].endpoint
    }


def _may(*actions: str) -> Statement:
    """For an endpoint's policy. The functions alone are in the network, and also call in the names of other roles."""
    return {**statement(actions, "*"), "Principal": "*"}
