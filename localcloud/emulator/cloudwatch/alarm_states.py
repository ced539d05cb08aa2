"""Decides the state of an alarm from its datapoints, with those that are missing. Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

OK, ALARM, INSUFFICIENT_DATA = "OK", "ALARM", "INSUFFICIENT_DATA"

# CloudWatch looks at more periods than it evaluates, to have that many with data: in the page's examples at two more.
MORE_PERIODS = 2

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}


def missing_data(alarm: Mapping[str, Any]) -> str:
    """How an alarm takes missing data.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (TreatMissingData): alarms
    on metrics in AWS/DynamoDB ignore it whatever they say.
    """
    metrics = [query.get("MetricStat", {}).get("Metric", {}) for query in alarm.get("Metrics") or ()]
    if "AWS/DynamoDB" in [alarm.get("Namespace"), *(metric.get("Namespace") for metric in metrics)]:
        return "ignore"
    return str(alarm.get("TreatMissingData") or "missing")


def state_of(alarm: Mapping[str, Any], datapoints: Sequence[float | None]) -> str:
    """The state; `datapoints` are those of the periods that are looked at, oldest first, None where there is none."""
    periods = int(alarm["EvaluationPeriods"])
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    real = [breaches(value, alarm["Threshold"]) for value in datapoints if value is not None][-periods:]
    treated = missing_data(alarm)
    filled = [True] * (periods - len(real)) if treated == "breaching" else []
    if sum(real + filled) >= int(alarm.get("DatapointsToAlarm") or periods):
        return ALARM
    if False in real or treated in ("breaching", "notBreaching"):
        return OK
    if treated == "ignore":
        return str(alarm["StateValue"])
    # The missing ones are not considered, and all others are bad.
    return ALARM if real else INSUFFICIENT_DATA
