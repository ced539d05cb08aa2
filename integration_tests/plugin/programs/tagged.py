"""One of each type that has tags and is made at once, with tags of its own and of the stack."""

from collections.abc import Mapping

import pulumi
import pulumi_aws as aws

from integration_tests.plugin.programs.policies import policy

METRIC = {
    "comparison_operator": "GreaterThanThreshold",
    "evaluation_periods": 1,
    "metric_name": "IteratorAge",
    "namespace": "AWS/Lambda",
    "period": 60,
    "statistic": "Maximum",
    "threshold": 1000,
}


def program(bucket_name: str, tags: Mapping[str, str] | None = None, defaults: Mapping[str, str] | None = None) -> None:
    provider = aws.Provider("own", region="us-east-1", default_tags={"tags": defaults} if defaults else None)
    own = pulumi.ResourceOptions(provider=provider)

    key = aws.kms.Key("key", description="tagged", deletion_window_in_days=7, tags=tags, opts=own)
    bucket = aws.s3.Bucket("bucket", bucket=bucket_name, tags=tags, opts=own)
    aws.s3.BucketObjectv2("object", bucket=bucket.bucket, key="readme", content="text", tags=tags, opts=own)
    role = aws.iam.Role(
        "role",
        assume_role_policy=policy(
            *(
                {"Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
                for service in ("firehose", "iot", "lambda", "states", "glue")
            )
        ),
        inline_policies=[{"name": "all", "policy": policy({"Action": "*", "Resource": "*"})}],
        tags=tags,
        opts=own,
    )
    aws.iam.Policy("policy", policy=policy({"Action": "s3:GetObject", "Resource": "*"}), tags=tags, opts=own)
    aws.dynamodb.Table(
        "table",
        name="orders",
        hash_key="id",
        attributes=[{"name": "id", "type": "S"}],
        billing_mode="PAY_PER_REQUEST",
        tags=tags,
        opts=own,
    )
    stream = aws.kinesis.Stream("stream", name="events", shard_count=1, tags=tags, opts=own)
    aws.kinesis.FirehoseDeliveryStream(
        "delivery",
        name="lake",
        destination="extended_s3",
        extended_s3_configuration={"bucket_arn": bucket.arn, "role_arn": role.arn},
        tags=tags,
        opts=own,
    )
    function = aws.lambda_.Function(
        "function",
        name="reader",
        role=role.arn,
        runtime="python3.13",
        handler="main.handler",
        code=pulumi.AssetArchive({"main.py": pulumi.StringAsset("def handler(event, context): return 1")}),
        tags=tags,
        opts=own,
    )
    aws.lambda_.EventSourceMapping(
        "mapping",
        function_name=function.arn,
        event_source_arn=stream.arn,
        starting_position="TRIM_HORIZON",
        tags=tags,
        opts=own,
    )
    aws.cloudwatch.LogGroup("group", name="/tagged", tags=tags, opts=own)
    alarm = aws.cloudwatch.MetricAlarm("alarm", name="late", tags=tags, opts=own, **METRIC)
    aws.cloudwatch.CompositeAlarm(
        "both", alarm_name="both", alarm_rule=alarm.name.apply(lambda name: f"ALARM({name})"), tags=tags, opts=own
    )
    aws.cloudwatch.EventRule("rule", schedule_expression="rate(5 minutes)", tags=tags, opts=own)
    aws.sqs.Queue("queue", tags=tags, opts=own)
    topic = aws.sns.Topic("topic", tags=tags, opts=own)
    aws.sfn.StateMachine(
        "machine",
        role_arn=role.arn,
        definition='{"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}',
        tags=tags,
        opts=own,
    )
    aws.athena.Workgroup("workgroup", name="tagged", tags=tags, opts=own)
    aws.glue.CatalogDatabase("database", name="tagged", tags=tags, opts=own)
    aws.iot.TopicRule(
        "iot",
        name="tagged",
        enabled=True,
        sql="SELECT * FROM 'in'",
        sql_version="2016-03-23",
        sns=[{"role_arn": role.arn, "target_arn": topic.arn}],
        tags=tags,
        opts=own,
    )
    aws.ssm.Parameter("parameter", name="/tagged/value", type="String", value="text", tags=tags, opts=own)
    vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", tags=tags, opts=own)
    aws.ec2.Subnet("subnet", vpc_id=vpc.id, cidr_block="10.0.1.0/24", tags=tags, opts=own)
    aws.ec2.RouteTable("routes", vpc_id=vpc.id, tags=tags, opts=own)
    aws.ec2.SecurityGroup("security", vpc_id=vpc.id, description="tagged", tags=tags, opts=own)
    aws.kms.Alias("alias", name="alias/tagged", target_key_id=key.key_id, opts=own)
