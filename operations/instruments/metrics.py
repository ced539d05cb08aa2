"""The newest values of CloudWatch metrics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
MAX_QUERIES = 500
PERIOD_S = 60
MINUTES_KEPT_DAYS = 15
LONGEST_KEPT_DAYS = 455


@dataclass(frozen=True)
class Metric:
    """A metric with all its dimensions, and the statistic of a minute."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str = "Maximum"


def newest(
    cloudwatch: "CloudWatchClient", metrics: Sequence[Metric], since: timedelta = timedelta(minutes=15)
) -> list[float | None]:
    """The value of each metric's last minute with data, None where there is none in this time."""
    now = datetime.now(UTC)
    found: dict[int, tuple[datetime, float]] = {}
    for start in range(0, len(metrics), MAX_QUERIES):
        queries: Any = [_query(place, metrics[place]) for place in range(start, min(start + MAX_QUERIES, len(metrics)))]
        pages = cloudwatch.get_paginator("get_metric_data").paginate(
            MetricDataQueries=queries, StartTime=now - since, EndTime=now + timedelta(seconds=PERIOD_S)
        )
        for result in (one for page in pages for one in page["MetricDataResults"]):
            place = int(result["Id"].removeprefix("m"))
            for value in zip(result["Timestamps"], result["Values"], strict=True):
                found[place] = max(value, found.get(place, value))
    return [found[place][1] if place in found else None for place in range(len(metrics))]


def total(cloudwatch: "CloudWatchClient", metric: Metric, since: datetime) -> float:
    """The sum of a metric's values from a time on."""
    now = datetime.now(UTC)
    begin = max(since, now - timedelta(days=LONGEST_KEPT_DAYS))
    # Minutes are kept for so long, hours for longer.
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
    period_s = PERIOD_S if now - begin < timedelta(days=MINUTES_KEPT_DAYS) else 3600
    query: Any = _query(0, metric)
    query["MetricStat"]["Period"] = period_s
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query],
        # A period is found by its beginning.
        StartTime=begin - timedelta(seconds=period_s),
        EndTime=now + timedelta(seconds=PERIOD_S),
    )
    return sum(value for page in pages for result in page["MetricDataResults"] for value in result["Values"])


def _query(place: int, metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions.items()]
    named = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
    return {
        "Id": f"m{place}",
        "MetricStat": {"Metric": named, "Period": PERIOD_S, "Stat": metric.statistic},
    }
