"""The function that makes rows of changes, in a network of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.code import own_code, packaged_code
from components.data_lake.settings import ProducingSettings
from components.function import FunctionNetwork, declare_function
from components.network import PrivateNetwork, PrivateNetworkArgs
from components.network_settings import ExistingNetwork
from components.policies import Statement, statement, uses_key
from components.regions import partition_of


@dataclass(frozen=True, kw_only=True)
class LakeTransformArgs:
    """`stream_arn` is where changes come from, and where what does not fit into an answer goes back to."""

    settings: ProducingSettings
    stream_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    account_id: pulumi.Input[str]
    region: str


class LakeTransform(pulumi.ComponentResource):
    """A function that Firehose hands changes to; it reaches the stream of the changes and nothing else."""

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    log_group: pulumi.Output[str]

    def __init__(self, name: str, args: LakeTransformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:LakeTransform", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        settings, transform = args.settings, args.settings.transform
        handler = transform.handler

        declared = declare_function(
            name,
            code=own_code(handler.folder, handler.entry) if handler else packaged_code("lake_transformer"),
            function_name=settings.transform_name,
            role_name=settings.transform_role_name,
            account_id=args.account_id,
            timeout_s=transform.timeout_seconds,
            memory_mb=transform.memory_mb,
            log_retention_days=transform.log_retention_days,
            environment=handler.environment if handler else transformer_environment(settings),
            statements=[
                statement(["kinesis:PutRecords"], args.stream_arn),
                uses_key(args.key_arn, ["GenerateDataKey"], "kinesis", args.region),
            ],
            key_arn=args.key_arn,
            network=self._network(name, args),
            opts=child,
        )

        self.name = declared.function.name
        self.arn = declared.function.arn
        self.log_group = declared.logs.name
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _network(self, name: str, args: LakeTransformArgs) -> FunctionNetwork:
        network = args.settings.network
        if isinstance(network, ExistingNetwork):
            return FunctionNetwork(subnet_ids=network.subnet_ids, security_group_ids=network.security_group_ids)
        made = PrivateNetwork(
            name,
            PrivateNetworkArgs(
                cidr_block=network.cidr_block,
                region=args.region,
                endpoints={"kinesis-streams": [_puts_back(args)]},
            ),
            pulumi.ResourceOptions(parent=self),
        )
        return FunctionNetwork(
            subnet_ids=made.subnet_ids, security_group_ids=[made.security_group_id], ready=made.ready
        )


def _puts_back(args: LakeTransformArgs) -> Statement:
    """For the endpoint's policy: the function may put into its stream; nobody else, and into no other."""
    role_arn = pulumi.Output.concat(
        "arn:", partition_of(args.region), ":iam::", args.account_id, ":role/", args.settings.transform_role_name
    )
    return {
        **statement(["kinesis:PutRecords"], args.stream_arn, {"ArnEquals": {"aws:PrincipalArn": role_arn}}),
        "Principal": "*",
    }


def transformer_environment(settings: ProducingSettings) -> Mapping[str, pulumi.Input[str]]:
    """The environment of the transformer: see handlers/README.md."""
    transform, layout = settings.transform, settings.layout
    environment: dict[str, pulumi.Input[str]] = {
        "OLD_IMAGE": json.dumps(transform.old_image),
        "KEEP_NESTED": json.dumps(transform.keep_nested),
        # Parquet keeps no column that the catalogue does not have.
        "WHOLE_ITEMS": json.dumps(layout.format == "parquet"),
        "DROP_ATTRIBUTES": json.dumps(transform.drop),
        "HASH_ATTRIBUTES": json.dumps(transform.hash),
        "PARTITION_KEYS": json.dumps({layout.partition_name: layout.partition_by} if layout.partition_by else {}),
    }
    if transform.hash:
        # A string by now: Pulumi has decrypted it.
        environment["HASH_SALT"] = pulumi.Output.secret(str(transform.salt))
    return environment
