"""What is watched of the platform: what its functions count of targets, and that the drainer runs."""

import pulumi

from components.monitoring import Graph, Watch, errors_watch, silence_watch
from handlers.shared.report import NAMESPACE

# What both functions count of each target.
COUNTED = ("Delivered", "Retried", "Backlogged", "Poisoned", "Undelivered")


def platform_watches(function: str, drainer_name: pulumi.Input[str], behind_s: int) -> list[Watch]:
    """`function` is the name of the function on the sources, under which both count; `behind_s` the age of a backlog
    at which its alarm goes on."""
    counted = {"FunctionName": function}
    return [
        Watch(
            name="behind",
            what_to_do="A target takes nothing, or too slowly, and its backlog grows old. `tributary status` says "
            "which; the drainer's log says why. It goes on by itself; what is older than the row's `retrySeconds` goes "
            "to the on-failure bucket.",
            namespace=NAMESPACE,
            metric="BehindAge",
            dimensions=counted,
            statistic="Maximum",
            threshold=behind_s,
        ),
        Watch(
            name="undelivered",
            what_to_do="Messages were too old to be tried again, and are in the on-failure bucket below the target's "
            "id. `tributary redrive` delivers them once the target takes them.",
            namespace=NAMESPACE,
            metric="Undelivered",
            dimensions=counted,
            statistic="Sum",
            threshold=0,
        ),
        Watch(
            name="wrong-rows",
            what_to_do="Rows of the mapping table cannot be followed, so that their targets get nothing. "
            "`tributary fanout list` says what is wrong with each.",
            namespace=NAMESPACE,
            metric="WrongRows",
            dimensions=counted,
            statistic="Maximum",
            threshold=0,
        ),
        errors_watch("drainer", drainer_name),
        silence_watch(
            "drainer-not-running",
            "Nothing invokes the drainer, so that no backlog is worked off. Look at its rule in EventBridge.",
            "Invocations",
            {"FunctionName": drainer_name},
        ),
    ]


def queue_watches(name: str, queue_name: pulumi.Input[str], kept_s: int) -> list[Watch]:
    """What to watch of a queue; `kept_s` is how long it keeps a message.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    """
    return [
        Watch(
            name=f"{name}-age",
            what_to_do="Messages wait in the queue and will be deleted when they are too old. Look at what reads it.",
            namespace="AWS/SQS",
            metric="ApproximateAgeOfOldestMessage",
            dimensions={"QueueName": queue_name},
            statistic="Maximum",
            threshold=kept_s / 4,
        )
    ]


def topic_watches(name: str, topic_name: pulumi.Input[str]) -> list[Watch]:
    """What to watch of a topic.

    https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html
    """
    return [
        Watch(
            name=f"{name}-failed",
            what_to_do="Subscribers do not take messages, which are lost to them. Look at the subscriptions, and give "
            "them dead-letter queues.",
            namespace="AWS/SNS",
            metric="NumberOfNotificationsFailed",
            dimensions={"TopicName": topic_name},
            statistic="Sum",
            threshold=0,
        )
    ]


def target_graphs(function: str) -> list[Graph]:
    """A graph of each thing that is counted, with a line for each target: rows come and go at run time."""
    found = f'{{{NAMESPACE},FunctionName,Target}} FunctionName="{function}"'
    return [
        *(Graph(title=name, search=f'{found} MetricName="{name}"', statistic="Sum") for name in COUNTED),
        Graph(title="BehindAge", search=f'{found} MetricName="BehindAge"', statistic="Maximum"),
    ]
