"""Looks at alarms: which of them are on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from operations.status.findings import Finding, Place, Resource

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
MOST_NAMES = 100
GONE = "gone"


@dataclass(frozen=True)
class Alarm:
    """`since` is when it went into its state, in ISO 8601; `what_to_do` is its description."""

    instance: str
    name: str
    state: str
    since: str
    what_to_do: str


def look(place: Place, resources: Sequence[Resource]) -> list[Alarm]:
    """Raises ClientError."""
    cloudwatch = place.client("cloudwatch")
    names = [resource.outputs["name"] for resource in resources]
    known: dict[str, Any] = {}
    for start in range(0, len(names), MOST_NAMES):
        for page in cloudwatch.get_paginator("describe_alarms").paginate(AlarmNames=names[start : start + MOST_NAMES]):
            known |= {alarm["AlarmName"]: alarm for alarm in page["MetricAlarms"]}
    return [
        Alarm(resource.instance, name, GONE, "", "")
        if name not in known
        else Alarm(
            resource.instance,
            name,
            known[name]["StateValue"],
            known[name]["StateUpdatedTimestamp"].isoformat(),
            known[name].get("AlarmDescription", ""),
        )
        for resource, name in zip(resources, names, strict=True)
    ]


def decide(place: Place, alarm: Alarm) -> Iterator[Finding]:
    """What needs a person."""
    if alarm.state == GONE:
        again = f"`pulumi up --refresh --stack {place.stack}` makes it again"
        yield Finding(alarm.instance, alarm.name, "this alarm is not there any more", again)
    elif alarm.state == "ALARM":
        history = place.aws(f"cloudwatch describe-alarm-history --alarm-name {alarm.name}")
        yield Finding(
            alarm.instance,
            alarm.name,
            f"this alarm is on since {alarm.since}. {alarm.what_to_do}",
            f"{history} says when",
        )


def line(alarm: Alarm) -> str | None:
    """What was seen, in a line; of an alarm that is not on nothing is said."""
    return f"{alarm.name}: on since {alarm.since}" if alarm.state == "ALARM" else None
