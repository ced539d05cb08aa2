"""Queues, topics, rules, logs, alarms and dashboards."""

from collections.abc import Callable

import pytest

from integration_tests.plugin.conftest import Deployed
from integration_tests.plugin.programs import messages

pytestmark = pytest.mark.local

EVERYTHING = (
    "queue", "queue-policy", "topic", "topic-policy", "subscription", "rule", "target", "group", "log-stream", "filter",
    "alarm", "math-alarm", "both", "dashboard",
)  # fmt: skip


def test_a_whole_life(stack: Callable[..., Deployed]) -> None:
    deployed = stack()
    sqs, sns, cloudwatch, logs = (getattr(deployed.clients, name) for name in ("sqs", "sns", "cloudwatch", "logs"))

    assert deployed.up(messages.program) == dict.fromkeys(EVERYTHING, "create")
    outputs = deployed.outputs
    assert outputs["account"] == deployed.account
    assert outputs["tags"] == {"own": "1", "team": "data"}
    assert sqs.list_queue_tags(QueueUrl=outputs["queue"])["Tags"] == {"own": "1", "team": "data"}
    assert deployed.up(messages.program) == {}
    assert deployed.refresh() == {}

    sqs.set_queue_attributes(QueueUrl=outputs["queue"], Attributes={"VisibilityTimeout": "99"})
    sns.set_topic_attributes(TopicArn=outputs["topic"], AttributeName="DisplayName", AttributeValue="by hand")
    logs.put_retention_policy(logGroupName="/tributary/story", retentionInDays=1)
    [by_math] = cloudwatch.describe_alarms(AlarmNames=["unread"])["MetricAlarms"]
    assert [query["Id"] for query in by_math["Metrics"]] == ["incoming", "arrived"]
    assert "MetricName" not in by_math
    by_hand = {name: by_math[name] for name in ("ComparisonOperator", "EvaluationPeriods", "Threshold")}
    changed = [by_math["Metrics"][0], {**by_math["Metrics"][1], "Expression": "FILL(incoming, 1)"}]
    cloudwatch.put_metric_alarm(
        AlarmName="unread", DatapointsToAlarm=1, TreatMissingData="notBreaching", Metrics=changed, **by_hand
    )
    cloudwatch.delete_dashboards(DashboardNames=["story"])
    assert deployed.refresh() == {
        "queue": "update",
        "topic": "update",
        "group": "update",
        "math-alarm": "update",
        "dashboard": "delete",
    }

    steps = deployed.up(messages.program, version=2)
    assert steps.pop("dashboard") == "create"
    assert steps == dict.fromkeys(
        ("queue", "topic", "subscription", "rule", "target", "group", "filter", "alarm", "math-alarm"), "update"
    )
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["queue"], AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert attributes == {"VisibilityTimeout": "60"}
    assert cloudwatch.describe_alarms(AlarmNames=["late"])["MetricAlarms"][0]["Threshold"] == 2000
    assert deployed.refresh() == {}

    assert deployed.destroy() == dict.fromkeys(EVERYTHING, "delete")
    assert sqs.list_queues().get("QueueUrls", []) == []
    assert sns.list_topics()["Topics"] == []
