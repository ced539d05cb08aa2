"""What to watch of the way from a table to the lake, beside what every stream and delivery stream has."""

import pulumi

from components.watch import Watch


def consumed_stream_watches(name: str, stream_name: pulumi.Input[str], retention_hours: int) -> list[Watch]:
    """What to watch of a stream that is read, whoever reads it.

    https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
    """
    stream = {"StreamName": stream_name}
    return [
        Watch(
            name=f"{name}-iterator-age",
            what_to_do="What reads the stream falls behind. Look at the delivery stream's error log.",
            namespace="AWS/Kinesis",
            metric="GetRecords.IteratorAgeMilliseconds",
            dimensions=stream,
            statistic="Maximum",
            # A quarter of the time after which records are gone leaves time to act.
            threshold=retention_hours * 3600 * 1000 / 4,
            periods=5,
        ),
        Watch(
            name=f"{name}-read-throttles",
            what_to_do="More readers than a shard serves: five reads or 2 MB a second. Give others consumers.",
            namespace="AWS/Kinesis",
            metric="ReadProvisionedThroughputExceeded",
            dimensions=stream,
            statistic="Sum",
            threshold=0,
            # Firehose itself may be throttled for a moment.
            periods=15,
        ),
    ]


def transform_watches(
    name: str, function_name: pulumi.Input[str], delivery_stream_name: pulumi.Input[str]
) -> list[Watch]:
    """What to watch of a function that transforms what a delivery stream delivers.

    https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
    """
    function = {"FunctionName": function_name}
    return [
        Watch(
            name=f"{name}-success",
            what_to_do="The function fails, and what it was given goes to the error prefix. Its log says why.",
            namespace="AWS/Firehose",
            metric="ExecuteProcessing.Success",
            dimensions={"DeliveryStreamName": delivery_stream_name},
            statistic="Average",
            threshold=1,
            above=False,
        ),
        Watch(
            name=f"{name}-unreadable",
            what_to_do="Records could not be transformed and are under the error prefix. The function's log says why.",
            namespace="Tributary",
            metric="Unreadable",
            dimensions=function,
            statistic="Sum",
            threshold=0,
        ),
        Watch(
            name=f"{name}-throttles",
            what_to_do="The function does not get the concurrency it needs.",
            namespace="AWS/Lambda",
            metric="Throttles",
            dimensions=function,
            statistic="Sum",
            threshold=0,
            periods=3,
        ),
    ]
