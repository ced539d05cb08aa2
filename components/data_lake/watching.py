"""What to watch of the way from a table to the lake, beside what every delivery stream has, and of the lake."""

import pulumi

from components.data_lake.prefixes import CHANGES_FILTER, ERRORS_FILTER
from components.watch import Metric, Watch
from handlers.shared.report import NAMESPACE


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
            namespace=NAMESPACE,
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


def lake_watches(bucket_name: pulumi.Input[str]) -> list[Watch]:
    """What to watch where the lake is: its own account sees neither the delivery stream nor its log.

    Where the key is disabled or denies, S3 refuses the object as well; KMS itself counts no refusals.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
    """

    def requests(filter_id: str) -> dict[str, pulumi.Input[str]]:
        return {"BucketName": bucket_name, "FilterId": filter_id}

    posts = Metric(namespace="AWS/S3", metric="PostRequests", dimensions=requests(ERRORS_FILTER), statistic="Sum")
    return [
        Watch(
            name="lake-refusals",
            what_to_do="The bucket refuses rows. Look at its policy, at its key and the key's policy, and at whom they "
            "name: the role of the delivery stream. Rows wait there for 24 hours.",
            namespace="AWS/S3",
            metric="4xxErrors",
            dimensions=requests(CHANGES_FILTER),
            statistic="Sum",
            threshold=0,
        ),
        Watch(
            name="lake-errors",
            what_to_do="Objects came below the error prefix, with changes that the lake lacks. `tributary redrive` "
            "sends what could not be transformed again, once that is put right.",
            namespace="AWS/S3",
            metric="PutRequests",
            dimensions=requests(ERRORS_FILTER),
            statistic="Sum",
            # A large object comes in parts, and is put together by a POST.
            others={"posts": posts},
            expressions={"written": "FILL(metric, 0) + FILL(posts, 0)"},
            threshold=0,
        ),
    ]
