"""Runs a stack's components under Pulumi's mocks and keeps every resource that they declare."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

import pulumi
from pulumi.runtime import mocks, reset_options
from pulumi.runtime.proto.source_pb2 import StackTrace

from components.deployment import Place, deploy
from components.kinds import KINDS
from components.role_settings import role_settings
from components.roles import shape_roles
from components.stack_files import parse

REGION = "eu-west-1"


@dataclass(frozen=True)
class Declared:
    """One resource with the inputs that the program gave it."""

    type: str
    name: str
    inputs: Mapping[str, Any]

    def policy(self, key: str = "policy") -> list[dict[str, Any]]:
        """The statements of a policy document among the inputs."""
        statements: list[dict[str, Any]] = json.loads(self.inputs[key])["Statement"]
        return statements


# The ARNs of resources of a type: service, whether it has a Region and an account, and what stands before the name.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
_ARNS = {
    "aws:athena/workgroup:Workgroup": ("athena", True, "workgroup/"),
    "aws:cloudwatch/logGroup:LogGroup": ("logs", True, "log-group:"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ("cloudwatch", True, "alarm:"),
    "aws:dynamodb/table:Table": ("dynamodb", True, "table/"),
    "aws:glue/catalogDatabase:CatalogDatabase": ("glue", True, "database/"),
    "aws:iam/role:Role": ("iam", False, "role/"),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": ("firehose", True, "deliverystream/"),
    "aws:kinesis/stream:Stream": ("kinesis", True, "stream/"),
    "aws:kinesis/streamConsumer:StreamConsumer": ("kinesis", True, "stream/consumed/consumer/"),
    "aws:kms/key:Key": ("kms", True, "key/"),
    "aws:lambda/function:Function": ("lambda", True, "function:"),
    "aws:opensearch/domain:Domain": ("es", True, "domain/"),
    "aws:sfn/stateMachine:StateMachine": ("states", True, "stateMachine:"),
    "aws:sns/topic:Topic": ("sns", True, ""),
    "aws:sqs/queue:Queue": ("sqs", True, ""),
}


def arn_of(type_: str, name: str) -> str:
    """The ARN that a resource gets."""
    if type_ == "aws:s3/bucket:Bucket":
        return f"arn:aws:s3:::{name}"
    service, placed, before = _ARNS.get(type_, (type_.split("/")[0].removeprefix("aws:"), True, ""))
    after = ":1700000000" if type_ == "aws:kinesis/streamConsumer:StreamConsumer" else ""
    return f"arn:aws:{service}:{REGION if placed else ''}:111111111111:{before}{name}{after}"


def table_arn(name: str) -> str:
    return arn_of("aws:dynamodb/table:Table", name)


class _Recorder(mocks.Mocks):
    def __init__(self, peers: Mapping[str, Mapping[str, Any]]) -> None:
        self.declared: list[Declared] = []
        self._peers = peers

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            stack = args.inputs["name"].split("/")[-1]
            return args.name, {**args.inputs, "outputs": self._peers.get(stack, {}), "secretOutputNames": []}
        self.declared.append(Declared(args.typ, args.name, args.inputs))
        name = args.inputs.get("name") or args.inputs.get("bucket") or args.name
        made = {"arn": arn_of(args.typ, name), "name": name, "uuid": f"uuid-of-{args.name}"}
        return f"id-of-{args.name}", {**made, "streamArn": f"{made['arn']}/stream/1", **args.inputs}

    def call(self, args: mocks.MockCallArgs) -> Any:
        if args.token == "aws:index/getAvailabilityZones:getAvailabilityZones":
            return {"names": [f"{REGION}{letter}" for letter in "abc"]}
        raise AssertionError(f"unexpected call of {args.token}")


def declare(
    architectures: Mapping[str, Any],
    account_id: str,
    peers: Mapping[str, Mapping[str, Any]] | None = None,
    roles: Mapping[str, Any] | None = None,
) -> tuple[list[Declared], dict[str, Any]]:
    """The resources and the exported outputs of a stack with these architectures. `peers`: stack → its outputs.

    The same stack is declared once: nobody changes what was declared.
    """
    declared, exported = _declared(json.dumps([architectures, account_id, peers, roles]))
    return list(declared), dict(exported)


@cache
def _declared(text: str) -> tuple[list[Declared], dict[str, Any]]:
    architectures, account_id, peers, roles = json.loads(text)
    recorder = _Recorder(peers or {})
    asyncio.set_event_loop(asyncio.new_event_loop())
    # A new root, without what the stack before it asked of its resources.
    reset_options()
    mocks.set_mocks(recorder, project="tributary", stack="test", preview=False)
    exported: dict[str, Any] = {}

    @pulumi.runtime.test
    def program() -> pulumi.Output[Any]:
        shape_roles(role_settings("Pulumi.test.yaml", roles))
        outputs = deploy(parse(KINDS, "Pulumi.test.yaml", architectures), Place(account_id, REGION))
        return pulumi.Output.from_input(outputs).apply(exported.update)

    # The engine would show where in the program a resource is declared; to look takes a third of the time.
    with patch("pulumi.runtime.resource._get_stack_trace", StackTrace):
        program()
    return recorder.declared, exported


def only(declared: list[Declared], type_: str, name: str = "") -> Declared:
    """The one resource of a type (the part after the last colon) whose name holds `name`."""
    [found] = [one for one in declared if one.type.endswith(f":{type_}") and name in one.name]
    return found


def every(declared: list[Declared], type_: str) -> list[Declared]:
    """All resources of a type."""
    return [one for one in declared if one.type.endswith(f":{type_}")]


def failures_of(declared: list[Declared]) -> str:
    """The name of the on-failure bucket."""
    return f"id-of-{only(declared, 'Bucket', 'failures').name}"
