"""The alarms and the one dashboard of a side of an architecture, from one table of watched metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

PERIOD_S = 60
WIDGET_WIDTH = 8  # of the 24 columns of a dashboard
WIDGET_HEIGHT = 6


@dataclass(frozen=True, kw_only=True)
class Watch:
    """One metric with the bound that raises its alarm, after `periods` minutes on the wrong side of it.

    `dimensions` are complete: a metric with fewer dimensions is another metric, and its alarm would never fire.
    """

    name: str
    what_to_do: str
    namespace: str
    metric: str
    dimensions: dict[str, pulumi.Input[str]]
    statistic: Literal["Maximum", "Sum", "Average", "Minimum"]
    threshold: float
    above: bool = True
    periods: int = 1


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """`alarm_topic_arn` is told when an alarm goes off and when it is over; None only shows it."""

    watches: list[Watch]
    region: str
    alarm_topic_arn: str | None


class Monitoring(pulumi.ComponentResource):
    """An alarm for each watched metric, and a dashboard that shows them all."""

    dashboard: pulumi.Output[str]

    def __init__(self, name: str, args: MonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("tributary:index:Monitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        topics = [args.alarm_topic_arn] if args.alarm_topic_arn else None
        for watch in args.watches:
            aws.cloudwatch.MetricAlarm(
                f"{name}-{watch.name}",
                name=f"tributary-{name}-{watch.name}",
                alarm_description=watch.what_to_do,
                namespace=watch.namespace,
                metric_name=watch.metric,
                dimensions=watch.dimensions,
                statistic=watch.statistic,
                period=PERIOD_S,
                evaluation_periods=watch.periods,
                threshold=watch.threshold,
                comparison_operator="GreaterThanThreshold" if watch.above else "LessThanThreshold",
                # No data means that nothing flows, which is not a fault of the flow.
                treat_missing_data="notBreaching",
                alarm_actions=topics,
                ok_actions=topics,
                opts=child,
            )
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=f"tributary-{name}",
            dashboard_body=pulumi.Output.json_dumps(
                {"widgets": [_widget(place, watch, args.region) for place, watch in enumerate(args.watches)]}
            ),
            opts=child,
        )

        self.dashboard = dashboard.dashboard_name
        self.register_outputs({"dashboard": self.dashboard})


def _widget(place: int, watch: Watch, region: pulumi.Input[str]) -> dict[str, Any]:
    """A graph of one metric with its bound, three to a row.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    per_row = 24 // WIDGET_WIDTH
    dimensions = [part for pair in watch.dimensions.items() for part in pair]
    return {
        "type": "metric",
        "x": place % per_row * WIDGET_WIDTH,
        "y": place // per_row * WIDGET_HEIGHT,
        "width": WIDGET_WIDTH,
        "height": WIDGET_HEIGHT,
        "properties": {
            "title": watch.name,
            "region": region,
            "stat": watch.statistic,
            "period": PERIOD_S,
            "metrics": [[watch.namespace, watch.metric, *dimensions]],
            "annotations": {"horizontal": [{"label": "alarm", "value": watch.threshold}]},
        },
    }


def function_watches(
    name: str,
    function_name: pulumi.Input[str],
    mapping_ids: Mapping[str, pulumi.Input[str]],
    maximum_age_s: int,
) -> list[Watch]:
    """What to watch of a function on streams. `maximum_age_s` is the age in seconds at which its records are given up.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    function = {"FunctionName": function_name}
    return [
        Watch(
            name=f"{name}-iterator-age",
            what_to_do="The function falls behind its stream. Look at its errors, then at the far end's throttles.",
            namespace="AWS/Lambda",
            metric="IteratorAge",
            dimensions=function,
            statistic="Maximum",
            # A quarter of the age at which records are given up leaves time to act; in milliseconds.
            threshold=maximum_age_s * 1000 / 4,
            periods=5,
        ),
        Watch(
            name=f"{name}-errors",
            what_to_do="The function raises. Its log group has the traceback.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions=function,
            statistic="Sum",
            threshold=0,
            periods=3,
        ),
        Watch(
            name=f"{name}-throttles",
            what_to_do="The function does not get the concurrency it needs: one invocation for each shard.",
            namespace="AWS/Lambda",
            metric="Throttles",
            dimensions=function,
            statistic="Sum",
            threshold=0,
            periods=3,
        ),
        *(
            Watch(
                name=f"{name}-{source}-on-failure",
                what_to_do="Records could not be applied and wait in the on-failure bucket.",
                namespace="AWS/Lambda",
                metric="OnFailureDestinationDeliveredEventCount",
                dimensions={"EventSourceMappingUUID": mapping_id},
                statistic="Sum",
                threshold=0,
            )
            for source, mapping_id in mapping_ids.items()
        ),
    ]


def stream_watches(name: str, stream_name: pulumi.Input[str]) -> list[Watch]:
    """What to watch of a stream that is written to.

    https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
    """
    return [
        Watch(
            name=f"{name}-write-throttles",
            what_to_do="Producers exceed the stream's shards. Raise `shardCount` in the stack file, or use on-demand.",
            namespace="AWS/Kinesis",
            metric="WriteProvisionedThroughputExceeded",
            dimensions={"StreamName": stream_name},
            statistic="Sum",
            threshold=0,
            periods=3,
        )
    ]


def delivery_watches(name: str, delivery_stream_name: pulumi.Input[str], buffer_seconds: int) -> list[Watch]:
    """What to watch of a delivery stream.

    https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
    """
    delivery = {"DeliveryStreamName": delivery_stream_name}
    return [
        Watch(
            name=f"{name}-freshness",
            what_to_do="The oldest record not yet in the bucket is too old. The delivery stream's error log says why.",
            namespace="AWS/Firehose",
            metric="DeliveryToS3.DataFreshness",
            dimensions=delivery,
            statistic="Maximum",
            threshold=2 * buffer_seconds + 300,
            periods=5,
        ),
        Watch(
            name=f"{name}-success",
            what_to_do="Objects cannot be written to the bucket. The delivery stream's error log says why.",
            namespace="AWS/Firehose",
            metric="DeliveryToS3.Success",
            dimensions=delivery,
            statistic="Average",
            threshold=1,
            above=False,
            periods=3,
        ),
    ]


def table_watches(name: str, table_name: pulumi.Input[str]) -> list[Watch]:
    """What to watch of a table that is written to.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    """
    return [
        Watch(
            name=f"{name}-write-throttles",
            what_to_do="Writes exceed the table's capacity. Raise `capacity.write`, or use on-demand.",
            namespace="AWS/DynamoDB",
            metric="WriteThrottleEvents",
            dimensions={"TableName": table_name},
            statistic="Sum",
            threshold=0,
            periods=3,
        )
    ]
