"""Log events in the embedded metric format become metrics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from localcloud.emulator.patching import replaces

Json = Mapping[str, Any]


class Datum(NamedTuple):
    """One value of a metric."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: dict[str, str]
    time_s: float


def data_of(message: str) -> Iterator[Datum]:
    """The metrics in a log event; none in one that is of another form or names members that it has not."""
    if '"_aws"' not in message:
        return
    try:
        event = json.loads(message)
        metadata = event["_aws"]
        for directive in metadata["CloudWatchMetrics"]:
            for names in directive.get("Dimensions") or [[]]:
                dimensions = {name: str(event[name]) for name in names}
                for metric in directive["Metrics"]:
                    values = event[metric["Name"]]
                    for value in values if isinstance(values, list) else [values]:
                        yield Datum(
                            directive["Namespace"],
                            metric["Name"],
                            float(value),
                            metric.get("Unit", "None"),
                            dimensions,
                            float(metadata["Timestamp"]) / 1000,
                        )
    except (ValueError, KeyError, TypeError):
        return


def install() -> None:
    from ministack.services import cloudwatch

    @replaces("ministack.services.cloudwatch_logs", "_append_log_events", source="e47cae7a15a4")
    def append_log_events(original: Callable[..., None], stream: Json, events: Sequence[Json]) -> None:
        original(stream, events)
        for event in events:
            for one in data_of(event["message"]):
                cloudwatch._store_datum(
                    one.namespace, one.name, one.dimensions, one.time_s, one.unit, one.value, None, None, None
                )
