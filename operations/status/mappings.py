"""Looks at event source mappings: whether they read what their source gets, how old that is, and what they gave up.

What failed is in the on-failure bucket in two places: whole batches that Lambda gave up below `aws/lambda/<mapping>/`,
and single records that the function set aside below `poison/<function>/`.
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from handlers.shared.places import POISON_PREFIX
from operations.instruments.failures import LAMBDA_PREFIX, table_of_stream
from operations.instruments.metrics import Metric, newest
from operations.status.findings import Finding, Place, Resource

# Names of objects that are read to count them: ten calls.
MOST_LISTED = 10_000
GONE = "gone"
# What Lambda says of a mapping with which all is well.
# https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html (LastProcessingResult)
GOOD_RESULTS = ("OK", "No records processed", "")


@dataclass(frozen=True)
class EventSourceMapping:
    """`age_s` is how old the last record was when it was read, `longest_s` when records are given up (None: never).

    `batches` and `poison` count objects of the on-failure bucket, `others` those of mappings that are there no more.
    `stream_now` is the table's own stream, when the mapping reads another one.
    """

    instance: str
    function: str
    source_arn: str
    state: str
    result: str
    age_s: float | None
    longest_s: int | None
    bucket: str
    batches: int
    poison: int
    others: int
    stream_now: str | None


def look(place: Place, resources: Sequence[Resource]) -> list[EventSourceMapping]:
    """Raises ClientError."""
    lambda_ = place.client("lambda")
    known = {resource.outputs["uuid"] for resource in resources}
    functions = [_name(resource.outputs["functionArn"]) for resource in resources]
    ages = newest(
        place.client("cloudwatch"), [Metric("AWS/Lambda", "IteratorAge", {"FunctionName": name}) for name in functions]
    )
    buckets: dict[str, _Bucket] = {}
    found = []
    for resource, function, age_ms in zip(resources, functions, ages, strict=True):
        try:
            mapping = lambda_.get_event_source_mapping(UUID=resource.outputs["uuid"])
        except lambda_.exceptions.ResourceNotFoundException:
            mapping = {"State": GONE}
        bucket = _bucket_of(mapping, resource)
        if bucket and bucket not in buckets:
            buckets[bucket] = _count(place.client("s3"), bucket)
        counted = buckets.get(bucket, _Bucket(Counter(), Counter()))
        source_arn = resource.outputs["eventSourceArn"]
        longest_s = mapping.get("MaximumRecordAgeInSeconds", -1)
        found.append(
            EventSourceMapping(
                instance=resource.instance,
                function=function,
                source_arn=source_arn,
                state=mapping["State"],
                result=mapping.get("LastProcessingResult", ""),
                age_s=None if age_ms is None else age_ms / 1000,
                longest_s=None if longest_s < 0 else longest_s,
                bucket=bucket,
                batches=counted.batches[resource.outputs["uuid"]],
                poison=counted.poison[function],
                others=sum(count for mapping_id, count in counted.batches.items() if mapping_id not in known),
                stream_now=_other_stream(place, source_arn),
            )
        )
    return found


@dataclass(frozen=True)
class _Bucket:
    """Objects by mapping, and by function."""

    batches: Counter[str]
    poison: Counter[str]


def _count(s3: Any, bucket: str) -> _Bucket:
    def by_folder(prefix: str) -> Counter[str]:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = (entry["Key"] for page in pages for entry in page.get("Contents", []))
        return Counter(key.removeprefix(prefix).partition("/")[0] for key in islice(keys, MOST_LISTED))

    return _Bucket(by_folder(LAMBDA_PREFIX), by_folder(POISON_PREFIX))


def _bucket_of(mapping: Mapping[str, Any], resource: Resource) -> str:
    there = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    deployed = ((resource.outputs.get("destinationConfig") or {}).get("onFailure") or {}).get("destinationArn")
    return _name(there or deployed or "", 5)


def _other_stream(place: Place, source_arn: str) -> str | None:
    """The stream that a table has now, when that is another one than its mapping reads; "" when it has none."""
    if source_arn.split(":")[2] != "dynamodb":
        return None
    dynamodb = place.client("dynamodb")
    try:
        table = dynamodb.describe_table(TableName=table_of_stream(source_arn))["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return ""
    now = table.get("LatestStreamArn", "") if table.get("StreamSpecification", {}).get("StreamEnabled") else ""
    return None if now == source_arn else str(now)


def _name(arn: str, place: int = 6) -> str:
    """The name in an ARN: arn:aws:lambda:region:account:function:name, arn:aws:s3:::name."""
    parts = arn.split(":")
    return parts[place] if len(parts) > place else ""


def decide(place: Place, mapping: EventSourceMapping) -> Iterator[Finding]:
    """What needs a person."""

    def finding(problem: str, following: str) -> Finding:
        return Finding(mapping.instance, mapping.function, problem, following)

    redrive = place.verb("redrive", mapping.instance)
    if mapping.state == GONE:
        yield finding(
            f"nothing reads {mapping.source_arn} for it: its mapping is gone",
            f"`pulumi up --refresh --stack {place.stack}` makes it again",
        )
    elif mapping.state in ("Disabled", "Disabling"):
        yield finding(
            f"it is paused: what {mapping.source_arn} gets waits there, until it expires",
            f"{place.verb('resume', mapping.instance)} goes on",
        )
    elif mapping.result not in GOOD_RESULTS:
        yield finding(
            f"its mapping says: {mapping.result}",
            f"{place.aws(f'logs tail /aws/lambda/{mapping.function} --since 15m')} may say why; it goes on by itself",
        )
    if mapping.stream_now is not None:
        now = f"the table's stream is {mapping.stream_now} now" if mapping.stream_now else "the table has no stream now"
        yield finding(
            f"it reads {mapping.source_arn}, in which nothing arrives any more: {now}",
            f"{place.verb('verify', mapping.instance)} says how to have it read that one",
        )
    if mapping.age_s is not None and mapping.longest_s is not None and mapping.age_s > mapping.longest_s / 4:
        yield finding(
            f"it is {mapping.age_s:.0f} s behind, and gives records up at {mapping.longest_s} s",
            f"{place.aws(f'logs tail /aws/lambda/{mapping.function} --since 15m')} says what it does",
        )
    if mapping.batches:
        yield finding(f"{_objects(mapping.batches)} given up wait in {mapping.bucket}", f"{redrive} applies them")
    if mapping.poison:
        listing = f"`aws s3 ls s3://{mapping.bucket}/{POISON_PREFIX}{mapping.function}/ --recursive`"
        yield finding(
            f"{_objects(mapping.poison, 'record')} that cannot be applied as they are wait in {mapping.bucket}",
            f"{listing} lists them, each says why; {redrive} applies them once that is put right",
        )
    if mapping.others:
        yield finding(
            f"{_objects(mapping.others)} of mappings that are there no more wait in {mapping.bucket}",
            f"{redrive} applies them",
        )


def _objects(count: int, what: str = "batch") -> str:
    if count >= MOST_LISTED:
        return f"{MOST_LISTED} or more {what}{'e' * what.endswith('h')}s"
    return f"1 {what}" if count == 1 else f"{count} {what}{'e' * what.endswith('h')}s"


def line(mapping: EventSourceMapping) -> str:
    """What was seen, in a line."""
    age = "read nothing lately" if mapping.age_s is None else f"{mapping.age_s:.1f} s behind"
    failed = f"failed: {_objects(mapping.batches)}, {_objects(mapping.poison, 'record')}"
    source = mapping.source_arn.split(":", 5)[5]
    return f"{mapping.function} on {source}: {mapping.state}, {mapping.result or '-'}, {age}, {failed}"
