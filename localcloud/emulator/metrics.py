"""Publishes a service's own metrics into the emulator's CloudWatch, for whichever account and Region they belong to.

Namespaces and dimensions of AWS's services:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html
"""

import time
from collections.abc import Mapping

from ministack.core.responses import request_scope

# The emulator keeps every value; a run of hours must not fill the memory, so the oldest fifth of a metric goes when
# it has this many.
MAX_VALUES = 10_000


def put(
    account_id: str,
    region: str,
    namespace: str,
    name: str,
    value: float,
    unit: str = "None",
    dimensions: Mapping[str, str] | None = None,
) -> None:
    """Record one value of a metric now. Never raises: a metric must not break what it measures."""
    from ministack.services import cloudwatch

    key = dict(dimensions or {})
    with request_scope(account_id, region):
        cloudwatch.record_metric(namespace, name, value, unit, key)
        _shorten(cloudwatch._metric_bucket((namespace, name, cloudwatch._dims_key(key))))


def add(account_id: str, region: str, namespace: str, name: str, count: float, dimensions: Mapping[str, str]) -> None:
    """Count what happens often: the counts of a second become one value."""
    from ministack.services import cloudwatch

    key, second = (namespace, name, cloudwatch._dims_key(dimensions)), int(time.time())
    values = cloudwatch._metrics.get_scoped(account_id, region, key)
    if values and int(values[-1]["Timestamp"]) == second:
        values[-1]["Value"] += count
        return
    put(account_id, region, namespace, name, count, "Count", dimensions)


def _shorten(values: list[object]) -> None:
    if len(values) > MAX_VALUES:
        del values[: MAX_VALUES // 5]
