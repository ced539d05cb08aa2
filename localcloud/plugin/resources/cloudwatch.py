"""CloudWatch alarms and dashboards."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from localcloud.plugin.calls import creates, dig, or_missing
from localcloud.plugin.checking import Failure
from localcloud.plugin.naming import Name
from localcloud.plugin.resource import Context, Properties, ResourceType, Tagging, Update

_put_alarm = creates("PutMetricAlarm", identity="name")


def _read_alarm(context: Context) -> Properties | None:
    found = context.call("DescribeAlarms", AlarmNames=[context.id], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    if not found:
        return None
    state = context.properties(found[0])
    return {"treatMissingData": "missing", "threshold": 0, **state}


_ALARM = (
    "actionsEnabled", "alarmActions", "alarmDescription", "comparisonOperator", "datapointsToAlarm", "dimensions",
    "evaluateLowSampleCountPercentiles", "evaluationPeriods", "extendedStatistic", "insufficientDataActions",
    "metricName", "metricQueries", "namespace", "okActions", "period", "statistic", "threshold", "thresholdMetricId",
    "treatMissingData", "unit",
)  # fmt: skip


def _dashboard_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    name = inputs.get("dashboardName")
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html
    if isinstance(name, str) and not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        yield Failure("dashboardName", f"dashboardName has 1 to 255 letters, digits, `-` and `_`, but it is `{name}`.")


def _alarm_rules(inputs: Mapping[str, Any]) -> Iterator[Failure]:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    single, queries = "metricName" in inputs, "metricQueries" in inputs
    if single == queries:
        yield Failure("metricName", "an alarm needs either metricName or metricQueries, and not both.")
    for name in ("namespace", "period"):
        if single and not inputs.get(name):
            yield Failure(name, f"{name} is needed with metricName.")
        if queries and inputs.get(name):
            yield Failure(name, f"{name} belongs in metricQueries when they are used.")
    if single and ("statistic" in inputs) == ("extendedStatistic" in inputs):
        yield Failure("statistic", "metricName needs either statistic or extendedStatistic, and not both.")
    if ("threshold" in inputs) == ("thresholdMetricId" in inputs):
        yield Failure("threshold", "an alarm needs either threshold or thresholdMetricId, and not both.")
    for name in ("comparisonOperator", "evaluationPeriods"):
        if name not in inputs:
            yield Failure(name, f"{name} is needed.")
    period = inputs.get("period")
    if isinstance(period, int) and period not in (10, 20, 30) and period % 60:
        yield Failure("period", f"period is in seconds: 10, 20, 30 or a multiple of 60, but it is {period}.")
    missing = inputs.get("treatMissingData")
    if isinstance(missing, str) and missing not in ("breaching", "notBreaching", "ignore", "missing"):
        yield Failure(
            "treatMissingData", f"treatMissingData is breaching, notBreaching, ignore or missing, not {missing}."
        )


_put_composite = creates("PutCompositeAlarm", identity="alarmName")


def _read_composite(context: Context) -> Properties | None:
    found = context.call("DescribeAlarms", AlarmNames=[context.id], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    if not found:
        return None
    return context.properties(found[0])


_COMPOSITE = ("alarmActions", "alarmDescription", "alarmRule", "insufficientDataActions", "okActions")

_put_dashboard = creates("PutDashboard", identity="dashboardName")


def _read_dashboard(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetDashboard", DashboardName=context.id))
    if found is None:
        return None
    return {
        "dashboardName": context.id,
        "dashboardBody": dig(found, "DashboardBody"),
        "dashboardArn": found.get("DashboardArn"),
    }


RESOURCES = (
    ResourceType(
        token="aws:cloudwatch/metricAlarm:MetricAlarm",
        service="cloudwatch",
        operation="PutMetricAlarm",
        create=_put_alarm,
        read=_read_alarm,
        delete=lambda context: context.call("DeleteAlarms", AlarmNames=[context.id]),
        updates=(Update(_ALARM, _put_alarm),),
        names={
            "name": "AlarmName",
            "arn": "AlarmArn",
            "evaluateLowSampleCountPercentiles": "EvaluateLowSampleCountPercentile",
            "metricQueries": "Metrics",
            "metricQueries.metric": "MetricStat",
            "metricQueries.metric.metricName": "Metric.MetricName",
            "metricQueries.metric.namespace": "Metric.Namespace",
            "metricQueries.metric.dimensions": "Metric.Dimensions",
            "tags": None,
        },
        immutable=("name",),
        defaults={"actionsEnabled": True, "treatMissingData": "missing"},
        computed=("evaluateLowSampleCountPercentiles",),
        unordered=("alarmActions", "okActions", "insufficientDataActions", "metricQueries"),
        unsupported=("evaluationCriteria", "evaluationInterval", "evaluationWindow", "warmUpConfiguration"),
        name=Name(longest=255),
        tagging=Tagging("ResourceARN"),
        rules=(_alarm_rules,),
    ),
    ResourceType(
        token="aws:cloudwatch/compositeAlarm:CompositeAlarm",
        service="cloudwatch",
        operation="PutCompositeAlarm",
        create=_put_composite,
        read=_read_composite,
        delete=lambda context: context.call("DeleteAlarms", AlarmNames=[context.id]),
        updates=(Update(_COMPOSITE, _put_composite),),
        names={"arn": "AlarmArn", "actionsSuppressor": None, "tags": None},
        immutable=("alarmName", "actionsEnabled"),
        defaults={"actionsEnabled": True},
        unordered=("alarmActions", "okActions", "insufficientDataActions"),
        unsupported=("actionsSuppressor",),
        tagging=Tagging("ResourceARN"),
    ),
    ResourceType(
        token="aws:cloudwatch/dashboard:Dashboard",
        service="cloudwatch",
        operation="PutDashboard",
        create=_put_dashboard,
        read=_read_dashboard,
        delete=lambda context: context.call("DeleteDashboards", DashboardNames=[context.id]),
        updates=(Update(("dashboardBody",), _put_dashboard),),
        immutable=("dashboardName",),
        documents=("dashboardBody",),
        rules=(_dashboard_rules,),
    ),
)
