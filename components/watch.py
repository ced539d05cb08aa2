"""What an alarm watches: a metric, or metric math over several, as an alarm and as a graph of a dashboard."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi

PERIOD_S = 60
WIDGET_WIDTH = 8  # of the 24 columns of a dashboard
WIDGET_HEIGHT = 6

Statistic = Literal["Maximum", "Sum", "Average", "Minimum", "SampleCount"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric and what is looked at of it.

    `dimensions` are complete: a metric with fewer dimensions is another metric, and its alarm would never fire.
    """

    namespace: pulumi.Input[str]
    metric: pulumi.Input[str]
    dimensions: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    statistic: Statistic


@dataclass(frozen=True, kw_only=True)
class Watch(Metric):
    """A metric with the bound that raises its alarm when `periods` of the last `among` are on the wrong side of it.

    Where little flows the bad minutes do not follow each other, so that one is enough unless said otherwise. `missing`
    says what a period without data is: that nothing flows is no fault of the flow.
    With `expressions`, by name, it is the last of them that is bounded: metric math over this metric, which is
    `metric` there, over those of `others` and over the expressions before it.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """

    name: str
    what_to_do: str
    threshold: float
    above: bool = True
    periods: int = 1
    among: int = 3
    period_s: int = PERIOD_S
    missing: Literal["breaching", "notBreaching"] = "notBreaching"
    others: Mapping[str, Metric] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> Mapping[str, Metric]:
        """What the expressions are over."""
        return {"metric": self, **self.others}


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A graph without an alarm: every metric that `search` finds, each as a line of its own.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-search-expressions.html
    """

    title: str
    search: str
    statistic: Statistic


def alarm(watch: Watch) -> dict[str, Any]:
    """What an aws.cloudwatch.MetricAlarm says of a watch."""
    return {
        "alarm_description": watch.what_to_do,
        "threshold": watch.threshold,
        "comparison_operator": "GreaterThanThreshold" if watch.above else "LessThanThreshold",
        "evaluation_periods": max(watch.among, watch.periods),
        "datapoints_to_alarm": watch.periods,
        "treat_missing_data": watch.missing,
        **(_of_math(watch) if watch.expressions else _of_metric(watch)),
    }


def _of_metric(watch: Watch) -> dict[str, Any]:
    return {
        "namespace": watch.namespace,
        "metric_name": watch.metric,
        "dimensions": watch.dimensions,
        "statistic": watch.statistic,
        "period": watch.period_s,
    }


def _of_math(watch: Watch) -> dict[str, Any]:
    metrics = [
        {
            "id": name,
            "metric": {
                "namespace": metric.namespace,
                "metric_name": metric.metric,
                "dimensions": metric.dimensions,
                "stat": metric.statistic,
                "period": watch.period_s,
            },
            "return_data": False,
        }
        for name, metric in watch.metrics.items()
    ]
    *_, bounded = watch.expressions
    expressions = [
        {"id": name, "expression": expression, "label": name, "return_data": name == bounded}
        for name, expression in watch.expressions.items()
    ]
    return {"metric_queries": [*metrics, *expressions]}


def widget(place: int, watch: Watch, region: pulumi.Input[str]) -> dict[str, Any]:
    """A graph of what an alarm looks at with its bound, three to a row.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    return _widget(
        place,
        {
            "title": watch.name,
            "region": region,
            "period": watch.period_s,
            "metrics": _lines(watch),
            "annotations": {"horizontal": [{"label": "alarm", "value": watch.threshold}]},
        },
    )


def graph_widget(place: int, graph: Graph, region: pulumi.Input[str]) -> dict[str, Any]:
    """A graph of what is found."""
    expression = f"SEARCH('{graph.search}', '{graph.statistic}', {PERIOD_S})"
    metrics = [[{"expression": expression, "id": "found", "label": ""}]]
    return _widget(place, {"title": graph.title, "region": region, "period": PERIOD_S, "metrics": metrics})


def _widget(place: int, properties: dict[str, Any]) -> dict[str, Any]:
    per_row = 24 // WIDGET_WIDTH
    return {
        "type": "metric",
        "x": place % per_row * WIDGET_WIDTH,
        "y": place // per_row * WIDGET_HEIGHT,
        "width": WIDGET_WIDTH,
        "height": WIDGET_HEIGHT,
        "properties": properties,
    }


def _lines(watch: Watch) -> list[Any]:
    """The metric, or the last expression with what it is made of, unseen."""
    if not watch.expressions:
        return [_line(watch, {})]
    metrics = [_line(metric, {"id": name, "visible": False}) for name, metric in watch.metrics.items()]
    *hidden, bounded = [{"id": name, "expression": text} for name, text in watch.expressions.items()]
    return [*metrics, *([{**one, "visible": False}] for one in hidden), [bounded]]


def _line(metric: Metric, shown: Mapping[str, Any]) -> pulumi.Output[list[Any]]:
    return pulumi.Output.all(metric.namespace, metric.metric, metric.dimensions).apply(
        lambda known: [
            known[0],
            known[1],
            *(part for pair in known[2].items() for part in pair),
            {**shown, "stat": metric.statistic},
        ]
    )
