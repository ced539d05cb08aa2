"""The alarms and the one dashboard of a side of an architecture, from one table of watched metrics."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws

from components.watch import Graph, Metric, Watch, alarm, graph_widget, widget
from handlers.shared.report import NAMESPACE

__all__ = [
    "Graph",
    "Monitoring",
    "MonitoringArgs",
    "Watch",
    "delivery_watches",
    "errors_watch",
    "function_watches",
    "silence_watch",
    "stream_watches",
    "table_watches",
]

# In the time that a mapping may take to say that it polls, or that a record takes to be read.
LONG_PERIOD_S = 300
# A table's stream keeps its records so long, and a Kinesis stream at least.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
RETENTION_S = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class MonitoringArgs:
    """`alarm_topic_arn` is told when an alarm goes off and when it is over; None only shows it.

    `graphs` are on the dashboard and have no alarm.
    """

    watches: list[Watch]
    region: str
    alarm_topic_arn: str | None
    graphs: list[Graph] = field(default_factory=list)


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
                alarm_actions=topics,
                ok_actions=topics,
                opts=child,
                **alarm(watch),
            )
        dashboard = aws.cloudwatch.Dashboard(
            f"{name}-dashboard",
            dashboard_name=f"tributary-{name}",
            dashboard_body=pulumi.Output.json_dumps(
                {
                    "widgets": [
                        *(widget(place, watch, args.region) for place, watch in enumerate(args.watches)),
                        *(
                            graph_widget(place, graph, args.region)
                            for place, graph in enumerate(args.graphs, len(args.watches))
                        ),
                    ]
                }
            ),
            opts=child,
        )

        self.dashboard = dashboard.dashboard_name
        self.register_outputs({"dashboard": self.dashboard})


def function_watches(
    name: str,
    function_name: pulumi.Input[str],
    mapping_ids: Mapping[str, pulumi.Input[str]],
    maximum_age_s: int,
    source_arns: Mapping[str, pulumi.Input[str]] | None = None,
) -> list[Watch]:
    """What to watch of a function on streams. `maximum_age_s` is the age in seconds at which its records are given up.

    `source_arns` are those of `mapping_ids` that this account counts the records of: what another account's stream
    gets is counted there.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    function = {"FunctionName": function_name}
    return [
        Watch(
            name=f"{name}-waiting",
            what_to_do="The far end takes nothing, and records wait in the stream, in order. The function's log says "
            "why: look at permissions, keys, throttles and the far end itself.",
            namespace=NAMESPACE,
            metric="Waiting",
            dimensions=function,
            statistic="Sum",
            threshold=0,
        ),
        Watch(
            name=f"{name}-poisoned",
            what_to_do="Records can never be applied as they are, and were stored in the on-failure bucket, each with "
            "its reason. `tributary redrive` applies them once that is put right.",
            namespace=NAMESPACE,
            metric="Poisoned",
            dimensions=function,
            statistic="Sum",
            threshold=0,
        ),
        Watch(
            name=f"{name}-iterator-age",
            what_to_do="The function falls behind its stream. Look at its errors, then at the far end's throttles.",
            namespace="AWS/Lambda",
            metric="IteratorAge",
            dimensions=function,
            statistic="Maximum",
            # A quarter of the age at which records are given up, or expire, leaves time to act; in milliseconds.
            threshold=min(maximum_age_s, RETENTION_S) * 1000 / 4,
        ),
        errors_watch(name, function_name),
        Watch(
            name=f"{name}-throttles",
            what_to_do="The function does not get the concurrency it needs: one invocation for each shard.",
            namespace="AWS/Lambda",
            metric="Throttles",
            dimensions=function,
            statistic="Sum",
            threshold=0,
        ),
        *(
            watch
            for source, mapping_id in mapping_ids.items()
            for watch in _mapping_watches(f"{name}-{source}", mapping_id, (source_arns or {}).get(source))
        ),
    ]


def errors_watch(name: str, function_name: pulumi.Input[str]) -> Watch:
    """Whether a function raises.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    return Watch(
        name=f"{name}-errors",
        what_to_do="The function raises. Its log group has the traceback.",
        namespace="AWS/Lambda",
        metric="Errors",
        dimensions={"FunctionName": function_name},
        statistic="Sum",
        threshold=0,
    )


def silence_watch(name: str, what_to_do: str, metric: str, dimensions: Mapping[str, pulumi.Input[str]]) -> Watch:
    """Whether a metric of Lambda's that should always have data has none."""
    return Watch(
        name=name,
        what_to_do=what_to_do,
        namespace="AWS/Lambda",
        metric=metric,
        dimensions=dimensions,
        statistic="SampleCount",
        threshold=1,
        above=False,
        period_s=LONG_PERIOD_S,
        # Of several, those before what is watched was made would be missing as well.
        among=1,
        missing="breaching",
    )


def _mapping_watches(name: str, mapping_id: pulumi.Input[str], source_arn: pulumi.Input[str] | None) -> Iterator[Watch]:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#event-source-mapping-metrics"""
    mapping = {"EventSourceMappingUUID": mapping_id}
    yield Watch(
        name=f"{name}-on-failure",
        what_to_do="Records could not be applied and wait in the on-failure bucket.",
        namespace="AWS/Lambda",
        metric="OnFailureDestinationDeliveredEventCount",
        dimensions=mapping,
        statistic="Sum",
        threshold=0,
    )
    # A poll that finds nothing counts as 0, so that only who does not poll gives no data.
    yield silence_watch(
        f"{name}-not-polling",
        "The mapping does not poll: it is disabled, or may not read its source. `tributary status` says which; "
        "`tributary resume` enables it.",
        "PolledEventCount",
        mapping,
    )
    if source_arn is not None:
        yield Watch(
            name=f"{name}-unread",
            what_to_do="The source got records, and the mapping read none. `tributary status` says what it reads.",
            **_incoming(source_arn),
            others={
                "polled": Metric(namespace="AWS/Lambda", metric="PolledEventCount", dimensions=mapping, statistic="Sum")
            },
            expressions={
                "arrived": "FILL(metric, 0)",
                "read": "FILL(polled, 0)",
                # What arrived in the period before was not read in that period, nor since.
                "unread": "IF(arrived - DIFF(arrived) > 0 AND read - DIFF(read) == 0 AND read == 0, 1, 0)",
            },
            threshold=0,
            period_s=LONG_PERIOD_S,
        )


def _incoming(source_arn: pulumi.Input[str]) -> dict[str, Any]:
    """The metric of what a stream gets: its records, or what its table's writes consume.

    https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html and
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html. A write that changes
    nothing consumes as well, and gives no record.
    """
    arn = pulumi.Output.from_input(source_arn)
    return {
        "namespace": arn.apply(lambda known: "AWS/Kinesis" if _is_kinesis(known) else "AWS/DynamoDB"),
        "metric": arn.apply(lambda known: "IncomingRecords" if _is_kinesis(known) else "ConsumedWriteCapacityUnits"),
        "dimensions": arn.apply(
            lambda known: {"StreamName" if _is_kinesis(known) else "TableName": known.split("/")[1]}
        ),
        "statistic": "Sum",
    }


def _is_kinesis(arn: str) -> bool:
    return arn.split(":")[2] == "kinesis"


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
            # An alarm on AWS/DynamoDB ignores missing data whatever it says, and would stay on after one throttle.
            # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
            expressions={"throttles": "FILL(metric, 0)"},
            threshold=0,
        )
    ]
