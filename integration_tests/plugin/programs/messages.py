"""Queues, topics, rules, logs, alarms and a dashboard."""

import json

import pulumi
import pulumi_aws as aws

from integration_tests.plugin.programs.policies import policy


def program(version: int = 1) -> None:
    second = version == 2

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
    aws.cloudwatch.MetricAlarm(
        "math-alarm",
        name="unread",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=3,
        datapoints_to_alarm=1,
        threshold=version,
        treat_missing_data="notBreaching",
        metric_queries=[
            {
                "id": "incoming",
                "metric": {
                    "namespace": "AWS/Kinesis",
                    "metric_name": "IncomingRecords",
                    "dimensions": {"StreamName": "clicks"},
                    "stat": "Sum",
                    "period": 300,
                },
                "return_data": False,
            },
            {"id": "arrived", "expression": "FILL(incoming, 0)", "label": "arrived", "return_data": True},
        ],
    )
    aws.cloudwatch.CompositeAlarm("both", alarm_name="both", alarm_rule=alarm.name.apply(lambda name: f"ALARM({name})"))
    text = {"type": "text", "x": 0, "y": 0, "width": 6, "height": 3, "properties": {"markdown": f"# {version}"}}
    aws.cloudwatch.Dashboard("dashboard", dashboard_name="story", dashboard_body=json.dumps({"widgets": [text]}))
    pulumi.export("tags", queue.tags_all)
    pulumi.export("queue", queue.url)
    pulumi.export("topic", topic.arn)
    pulumi.export("account", aws.get_caller_identity().account_id)
