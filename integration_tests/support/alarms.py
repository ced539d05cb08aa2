"""Alarms as a test sees them: as they are now, as they would be later, and with a bound that a test can reach."""

import copy
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from components.watch import Watch, alarm
from integration_tests.support.addressing import Clients, Cloud

# What PutMetricAlarm takes of what DescribeAlarms answers.
_DEFINITION = (
    "AlarmName", "AlarmDescription", "MetricName", "Namespace", "Statistic", "Dimensions", "Period", "Metrics",
    "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData",
)  # fmt: skip


def states(clients: Clients) -> dict[str, str]:
    """The state of every metric alarm of the account, by name."""
    pages = clients.cloudwatch.get_paginator("describe_alarms").paginate()
    return {one["AlarmName"]: one["StateValue"] for page in pages for one in page["MetricAlarms"]}


def later(cloud: Cloud, clients: Clients, seconds: float) -> dict[str, str]:
    """What the alarms of the account would be so many seconds from now, if nothing happened until then."""
    body = json.dumps({"account": clients.account_id, "region": clients.region, "later_s": seconds}).encode()
    request = urllib.request.Request(f"{cloud.endpoint}/_tributary/alarms", data=body, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        return json.load(response)  # type: ignore[no-any-return]


@contextmanager
def changed(
    clients: Clients, name: str, *, threshold: float | None = None, period_s: int | None = None
) -> Iterator[None]:
    """Give a deployed alarm a bound or a period that a test can reach, for as long as the block lasts."""
    [deployed] = clients.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    definition = {key: deployed[key] for key in _DEFINITION if deployed.get(key) not in (None, "", [])}
    reachable = copy.deepcopy(definition)
    if threshold is not None:
        reachable["Threshold"] = threshold
    for query in reachable.get("Metrics", ()):
        if period_s is not None and "MetricStat" in query:
            query["MetricStat"]["Period"] = period_s
    clients.cloudwatch.put_metric_alarm(**reachable)
    try:
        yield
    finally:
        clients.cloudwatch.put_metric_alarm(**definition)


def put(clients: Clients, watch: Watch) -> None:
    """Make the alarm of a watch, as the components would. Its metrics are of plain values."""
    inputs = alarm(watch)
    if queries := inputs.pop("metric_queries", None):
        inputs["metrics"] = [_query(query) for query in queries]
    else:
        inputs["dimensions"] = _listed(inputs["dimensions"])
    clients.cloudwatch.put_metric_alarm(AlarmName=watch.name, **{_pascal(name): one for name, one in inputs.items()})


def _query(query: dict[str, Any]) -> dict[str, Any]:
    named = {"Id": query["id"], "ReturnData": query["return_data"]}
    if "expression" in query:
        return {**named, "Expression": query["expression"], "Label": query["label"]}
    metric = query["metric"]
    of = {"Namespace": metric["namespace"], "MetricName": metric["metric_name"]}
    stat = {"Metric": {**of, "Dimensions": _listed(metric["dimensions"])}}
    return {**named, "MetricStat": {**stat, "Period": metric["period"], "Stat": metric["stat"]}}


def _listed(dimensions: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def _pascal(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))
