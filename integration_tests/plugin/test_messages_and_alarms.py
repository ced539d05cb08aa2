"""Queues, topics, rules, logs, alarms and dashboards."""

import json
from collections.abc import Callable

import pulumi
import pulumi_aws as aws
import pytest

from integration_tests.plugin.conftest import Deployed, policy

pytestmark = pytest.mark.local

EVERYTHING = (
    "queue", "queue-policy", "topic", "topic-policy", "subscription", "rule", "target", "group", "log-stream", "filter",
    "alarm", "both", "dashboard",
)  # fmt: skip


def program(version: int = 1) -> Callable[[], None]:
    second = version == 2

    def deploy() -> None:
        provider = aws.Provider("own", region="us-east-1", default_tags={"tags": {"team": "data"}})
        own = pulumi.ResourceOptions(provider=provider)
        queue = aws.sqs.Queue("queue", visibility_timeout_seconds=60 if second else 30, tags={"own": "1"}, opts=own)
        sends = {"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        aws.sqs.QueuePolicy(
            "queue-policy", queue_url=queue.url, policy=queue.arn.apply(lambda arn: policy({**sends, "Resource": arn}))
        )
        topic = aws.sns.Topic("topic", display_name=f"version {version}")
        publishes = {"Principal": {"AWS": "222222222222"}, "Action": "sns:Publish"}
        aws.sns.TopicPolicy(
            "topic-policy", arn=topic.arn, policy=topic.arn.apply(lambda arn: policy({**publishes, "Resource": arn}))
        )
        aws.sns.TopicSubscription(
            "subscription",
            topic=topic.arn,
            protocol="sqs",
            endpoint=queue.arn,
            raw_message_delivery=second,
            filter_policy=json.dumps({"kind": ["order"]}),
        )
        rule = aws.cloudwatch.EventRule(
            "rule", schedule_expression="rate(5 minutes)", state="DISABLED" if second else "ENABLED"
        )
        aws.cloudwatch.EventTarget("target", rule=rule.name, arn=queue.arn, input=json.dumps({"version": version}))
        group = aws.cloudwatch.LogGroup("group", name="/tributary/story", retention_in_days=14)
        aws.cloudwatch.LogStream("log-stream", log_group_name=group.name, name="one")
        aws.cloudwatch.LogMetricFilter(
            "filter",
            log_group_name=group.name,
            name="errors",
            pattern=f"ERROR{version}",
            metric_transformation={"name": "Errors", "namespace": "Story", "value": "1"},
        )
        alarm = aws.cloudwatch.MetricAlarm(
            "alarm",
            name="late",
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=1,
            metric_name="IteratorAge",
            namespace="AWS/Lambda",
            period=60,
            statistic="Maximum",
            threshold=version * 1000,
            dimensions={"FunctionName": "copier"},
            alarm_actions=[topic.arn],
        )
        aws.cloudwatch.CompositeAlarm(
            "both", alarm_name="both", alarm_rule=alarm.name.apply(lambda name: f"ALARM({name})")
        )
        text = {"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": f"# {version}"}}
        aws.cloudwatch.Dashboard("dashboard", dashboard_name="story", dashboard_body=json.dumps({"widgets": [text]}))
        pulumi.export("tags", queue.tags_all)
        pulumi.export("queue", queue.url)
        pulumi.export("topic", topic.arn)
        pulumi.export("account", aws.get_caller_identity().account_id)

    return deploy


def test_a_whole_life(stack: Callable[..., Deployed]) -> None:
    deployed = stack()
    sqs, sns, cloudwatch, logs = (getattr(deployed.clients, name) for name in ("sqs", "sns", "cloudwatch", "logs"))

    assert deployed.up(program()) == dict.fromkeys(EVERYTHING, "create")
    outputs = deployed.outputs
    assert outputs["account"] == deployed.account
    assert outputs["tags"] == {"own": "1", "team": "data"}
    assert sqs.list_queue_tags(QueueUrl=outputs["queue"])["Tags"] == {"own": "1", "team": "data"}
    assert deployed.up(program()) == {}
    assert deployed.refresh() == {}

    sqs.set_queue_attributes(QueueUrl=outputs["queue"], Attributes={"VisibilityTimeout": "99"})
    sns.set_topic_attributes(TopicArn=outputs["topic"], AttributeName="DisplayName", AttributeValue="by hand")
    logs.put_retention_policy(logGroupName="/tributary/story", retentionInDays=1)
    cloudwatch.delete_dashboards(DashboardNames=["story"])
    assert deployed.refresh() == {
        "queue": "update",
        "topic": "update",
        "group": "update",
        "dashboard": "delete",
    }

    steps = deployed.up(program(2))
    assert steps.pop("dashboard") == "create"
    assert steps == dict.fromkeys(
        ("queue", "topic", "subscription", "rule", "target", "group", "filter", "alarm"), "update"
    )
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["queue"], AttributeNames=["VisibilityTimeout"])["Attributes"]
    assert attributes == {"VisibilityTimeout": "60"}
    assert cloudwatch.describe_alarms(AlarmNames=["late"])["MetricAlarms"][0]["Threshold"] == 2000
    assert deployed.refresh() == {}

    assert deployed.destroy() == dict.fromkeys(EVERYTHING, "delete")
    assert sqs.list_queues().get("QueueUrls", []) == []
    assert sns.list_topics()["Topics"] == []
