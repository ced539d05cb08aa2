"""Looks at every resource of a stack that says how its instances are doing, and decides what needs a person."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations.access import account_of
from operations.advice import advice
from operations.engine import Engine
from operations.errors import EngineError, NotDeployedError
from operations.instruments.mappings import component_of
from operations.stacks import Stack, read
from operations.status import alarms, delivery_streams, error_prefixes, fan_out, functions, mappings
from operations.status.findings import Finding, Place, Resource
from operations.status.report import Report, Seen, StackReport


@dataclass(frozen=True)
class Kind:
    """How resources of a type are looked at: `look` asks AWS, `decide` finds what needs a person, `line` shows one."""

    name: str
    look: Callable[[Place, Sequence[Resource]], Sequence[Any]]
    decide: Callable[[Place, Any], Iterable[Finding]]
    line: Callable[[Any], str | None]


# What is looked at, by the type of resource in a stack's state, whatever the kind of its instance. A new kind of
# resource needs a row.
LOOKED_AT: Mapping[str, Kind] = {
    "aws:lambda/eventSourceMapping:EventSourceMapping": Kind("mappings", mappings.look, mappings.decide, mappings.line),
    "aws:lambda/function:Function": Kind("functions", functions.look, functions.decide, functions.line),
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": Kind(
        "deliveryStreams", delivery_streams.look, delivery_streams.decide, delivery_streams.line
    ),
    "aws:s3/bucketMetric:BucketMetric": Kind(
        "errorPrefixes", error_prefixes.look, error_prefixes.decide, error_prefixes.line
    ),
    "tributary:index:FanOutPlatform": Kind("targets", fan_out.look, fan_out.decide, fan_out.line),
    "aws:cloudwatch/metricAlarm:MetricAlarm": Kind("alarms", alarms.look, alarms.decide, alarms.line),
}


def status(engine: Engine, stacks: Sequence[str]) -> Report:
    """How these stacks are doing. Raises StackError for a stack file that is wrong or missing, and EngineError."""
    with ThreadPoolExecutor(max(1, len(stacks))) as threads:
        return Report(list(threads.map(lambda name: _status(engine, name), stacks)))


def _status(engine: Engine, name: str) -> StackReport:
    try:
        stack = read(engine, name)
    except NotDeployedError:
        return StackReport(name, "", "", deployed=False, seen=[], findings=[])
    resources = list(_resources(engine, stack))
    if not resources:
        return StackReport(name, stack.account_id, stack.region, deployed=False, seen=[], findings=[])
    try:
        account = account_of(engine, stack)
    except (ClientError, BotoCoreError) as error:
        finding = _unreachable("*", f"stack `{name}`", error)
        return StackReport(name, stack.account_id, stack.region, deployed=True, seen=[], findings=[finding])

    seen, findings = look(Place(name, stack.region, account.client), resources)
    return StackReport(name, stack.account_id, stack.region, deployed=True, seen=seen, findings=findings)


def look(place: Place, resources: Sequence[Resource]) -> tuple[list[Seen], list[Finding]]:
    """What there is to see of these resources, and to find. A refusal is a finding, and hides nothing else."""
    seen: list[Seen] = []
    findings: list[Finding] = []
    for type_, kind in LOOKED_AT.items():
        of_type = [resource for resource in resources if resource.type == type_]
        if not of_type:
            continue
        try:
            found = kind.look(place, of_type)
        except (ClientError, BotoCoreError) as error:
            findings.append(_unreachable(of_type[0].instance, kind.name, error))
            continue
        seen += [Seen(kind.name, one, kind.line(one)) for one in found]
        findings += [finding for one in found for finding in kind.decide(place, one)]
    return seen, findings


def _unreachable(instance: str, what: str, error: Exception) -> Finding:
    return Finding(instance, what, f"it cannot be looked at: {error}", advice(error))


def _resources(engine: Engine, stack: Stack) -> Iterable[Resource]:
    """The resources of a stack with their instances; none when it is not deployed."""
    try:
        state = engine.resources(stack.name)
    except EngineError as error:
        if "no stack named" not in str(error):
            raise
        return
    by_urn = {one["urn"]: one for one in state}
    for one in state:
        if one["type"] in LOOKED_AT:
            yield Resource(stack.instance_of(component_of(one, by_urn)), one["type"], one["outputs"])
