"""A network for functions that reach a few services of AWS, what is in the network itself, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import islice

import pulumi
import pulumi_aws as aws

from components.policies import Statement, document

# In two zones, so that the loss of one stops nothing.
ZONES = 2
HTTPS = 443


@dataclass(frozen=True, kw_only=True)
class PrivateNetworkArgs:
    """`endpoints` maps a service, such as `kinesis-streams`, to what may be done through its endpoint.

    `cidr_block` is divided into four, of which two are used.
    https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
    `gateways` are endpoints for `s3` and `dynamodb`, which cost nothing. `ports` are those of hosts in the network that
    functions connect to; they are let in by whoever makes the hosts.
    https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
    """

    cidr_block: str
    region: str
    endpoints: Mapping[str, Sequence[Statement]]
    gateways: Mapping[str, Sequence[Statement]] = field(default_factory=dict)
    ports: Sequence[int] = ()


class PrivateNetwork(pulumi.ComponentResource):
    """Subnets without a route to the internet, and an endpoint for each service that may be reached."""

    vpc_id: pulumi.Output[str]
    subnet_ids: list[pulumi.Output[str]]
    security_group_id: pulumi.Output[str]
    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: PrivateNetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:PrivateNetwork", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        vpc = aws.ec2.Vpc(
            f"{name}-vpc",
            cidr_block=args.cidr_block,
            # Both, so that a service's usual name leads to its endpoint.
            # https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
            enable_dns_support=True,
            enable_dns_hostnames=True,
            opts=child,
        )
        # No routes but the network's own, which every route table has.
        routes = aws.ec2.RouteTable(f"{name}-routes", vpc_id=vpc.id, routes=[], opts=child)
        zones = aws.get_availability_zones_output(
            state="available",
            filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
            opts=pulumi.InvokeOutputOptions(parent=self),
        ).names
        blocks = islice(ip_network(args.cidr_block).subnets(prefixlen_diff=2), ZONES)
        subnets = [
            aws.ec2.Subnet(
                f"{name}-subnet-{place}",
                vpc_id=vpc.id,
                cidr_block=str(block),
                availability_zone=zones[place],
                map_public_ip_on_launch=False,
                opts=child,
            )
            for place, block in enumerate(blocks)
        ]
        for place, subnet in enumerate(subnets):
            aws.ec2.RouteTableAssociation(
                f"{name}-routes-{place}", subnet_id=subnet.id, route_table_id=routes.id, opts=child
            )
        functions = _group(f"{name}-functions", "Functions, which reach the endpoints alone", vpc.id, child)
        self.ready = []
        if args.endpoints:
            endpoints = _group(f"{name}-endpoints", "Endpoints, which the functions alone reach", vpc.id, child)
            self.ready += _https(name, functions.id, endpoints.id, child)
        for service, statements in args.endpoints.items():
            self.ready.append(
                aws.ec2.VpcEndpoint(
                    f"{name}-{service}",
                    vpc_id=vpc.id,
                    service_name=f"com.amazonaws.{args.region}.{service}",
                    vpc_endpoint_type="Interface",
                    private_dns_enabled=True,
                    subnet_ids=[subnet.id for subnet in subnets],
                    security_group_ids=[endpoints.id],
                    policy=document(statements),
                    opts=child,
                )
            )
        for service, statements in args.gateways.items():
            gateway = aws.ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=vpc.id,
                service_name=f"com.amazonaws.{args.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=[routes.id],
                policy=document(statements),
                opts=child,
            )
            way_out = aws.vpc.SecurityGroupEgressRule(
                f"{name}-{service}-out",
                security_group_id=functions.id,
                prefix_list_id=gateway.prefix_list_id,
                ip_protocol="tcp",
                from_port=HTTPS,
                to_port=HTTPS,
                opts=child,
            )
            self.ready += [gateway, way_out]
        for port in args.ports:
            aws.vpc.SecurityGroupEgressRule(
                f"{name}-out-{port}",
                security_group_id=functions.id,
                cidr_ipv4=args.cidr_block,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                opts=child,
            )

        self.vpc_id = vpc.id
        self.subnet_ids = [subnet.id for subnet in subnets]
        self.security_group_id = functions.id
        self.register_outputs({"subnetIds": self.subnet_ids, "securityGroupId": self.security_group_id})


def _group(
    name: str, description: str, vpc_id: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> aws.ec2.SecurityGroup:
    return aws.ec2.SecurityGroup(name, description=description, vpc_id=vpc_id, opts=opts)


def _https(
    name: str, functions: pulumi.Input[str], endpoints: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """From the functions to the endpoints by HTTPS, and nothing else."""
    return [
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-out",
            security_group_id=functions,
            referenced_security_group_id=endpoints,
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            opts=opts,
        ),
        aws.vpc.SecurityGroupIngressRule(
            f"{name}-in",
            security_group_id=endpoints,
            referenced_security_group_id=functions,
            ip_protocol="tcp",
            from_port=HTTPS,
            to_port=HTTPS,
            opts=opts,
        ),
    ]
