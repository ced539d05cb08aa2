"""Looks at delivery streams: whether they deliver, and how old the oldest record is that they have not delivered."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from operations.instruments.metrics import Metric, newest
from operations.status.findings import Finding, Place, Resource

GONE = "gone"


@dataclass(frozen=True)
class DeliveryStream:
    """`freshness_s` is the age of the oldest record not yet delivered; `buffer_s` how long records are gathered."""

    instance: str
    name: str
    state: str
    freshness_s: float | None
    buffer_s: int
    log_group: str


def look(place: Place, resources: Sequence[Resource]) -> list[DeliveryStream]:
    """Raises ClientError."""
    firehose = place.client("firehose")
    names = [resource.outputs["name"] for resource in resources]
    ages = newest(
        place.client("cloudwatch"),
        [Metric("AWS/Firehose", "DeliveryToS3.DataFreshness", {"DeliveryStreamName": name}) for name in names],
    )
    found = []
    for resource, name, age_s in zip(resources, names, ages, strict=True):
        try:
            state = firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"][
                "DeliveryStreamStatus"
            ]
        except firehose.exceptions.ResourceNotFoundException:
            state = GONE
        destination: Mapping[str, Any] = resource.outputs.get("extendedS3Configuration") or {}
        logging = destination.get("cloudwatchLoggingOptions") or {}
        buffer_s = int(destination.get("bufferingInterval") or 0)
        found.append(DeliveryStream(resource.instance, name, state, age_s, buffer_s, logging.get("logGroupName") or ""))
    return found


def decide(place: Place, stream: DeliveryStream) -> Iterator[Finding]:
    """What needs a person."""

    def finding(problem: str, following: str) -> Finding:
        return Finding(stream.instance, stream.name, problem, following)

    if stream.state == GONE:
        yield finding("it is not there any more", f"`pulumi up --refresh --stack {place.stack}` makes it again")
    elif stream.state != "ACTIVE":
        describe = place.aws(f"firehose describe-delivery-stream --delivery-stream-name {stream.name}")
        yield finding(f"it is {stream.state}", describe)
    # The bound of the alarm on it.
    if stream.freshness_s is not None and stream.freshness_s > 2 * stream.buffer_s + 300:
        yield finding(
            f"a record waits for {stream.freshness_s:.0f} s to be delivered",
            f"{place.aws(f'logs tail {stream.log_group} --since 1h')} says why",
        )


def line(stream: DeliveryStream) -> str:
    """What was seen, in a line."""
    age = "delivered nothing lately" if stream.freshness_s is None else f"delivered within {stream.freshness_s:.0f} s"
    return f"{stream.name}: {stream.state}, {age}"
