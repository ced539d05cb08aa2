"""Makes what tests need in an account, and registers its removal."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from integration_tests.support.addressing import Clients, statement
from integration_tests.support.packaging import zipped
from integration_tests.support.waiting import eventually

GONE = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "NoSuchBucket",
    "NoSuchEntity",
    "NotFound",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
}


# What every function of a test may do: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaBasicExecutionRole.html
LOGGING = statement(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"])


def unless_gone(call: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """Call, and take an answer that says "it does not exist" for success."""
    try:
        call(*args, **kwargs)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise


@dataclass(frozen=True)
class Function:
    """A deployed function. `invoke` calls it synchronously and returns Invoke's answer with the payload parsed."""

    name: str
    arn: str
    role_arn: str
    clients: Clients

    def invoke(self, event: object = None, **options: Any) -> dict[str, Any]:
        answer = self.clients.lambda_.invoke(FunctionName=self.arn, Payload=json.dumps(event), **options)
        body = answer["Payload"].read()
        return {**answer, "Payload": json.loads(body) if body else None}


class Factories:
    def __init__(
        self, clients: Callable[[str], Clients], unique: Callable[[str], str], cleanup: Callable[..., object]
    ) -> None:
        self._clients = clients
        self._unique = unique
        self._cleanup = cleanup

    def role(
        self,
        account_id: str,
        statements: Sequence[Mapping[str, Any]] = (),
        *,
        trusts: Mapping[str, Any] | str = "lambda.amazonaws.com",
        conditions: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> str:
        """A role with one inline policy; returns its ARN. `trusts` is a service principal or a Principal element."""
        iam, name = self._clients(account_id).iam, name or self._unique("role")
        trust: dict[str, Any] = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": trusts} if isinstance(trusts, str) else trusts,
        }
        if conditions:
            trust["Condition"] = conditions
        answer = iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy([trust]))
        self._cleanup(iam.delete_role, RoleName=name)
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="test", PolicyDocument=_policy(statements))
            self._cleanup(iam.delete_role_policy, RoleName=name, PolicyName="test")
        return answer["Role"]["Arn"]

    def function(
        self,
        account_id: str,
        source: str | Mapping[str, str | bytes],
        *,
        statements: Sequence[Mapping[str, Any]] = (),
        environment: Mapping[str, str] | None = None,
        timeout: int = 10,
        memory: int = 256,
        name: str | None = None,
        role_arn: str | None = None,
        **options: Any,
    ) -> Function:
        """An active Python function of this source (`handler.py`, or several files), entered at `handler.handler`.

        `timeout` in seconds, `memory` in MiB; `options` go to CreateFunction as they are.
        """
        clients, name = self._clients(account_id), name or self._unique("function")
        files = {"handler.py": source} if isinstance(source, str) else source
        role_arn = role_arn or self.role(account_id, [LOGGING, *statements])
        request = {
            "FunctionName": name,
            "Runtime": "python3.13",
            "Handler": "handler.handler",
            "Role": role_arn,
            "Code": {"ZipFile": zipped(files)},
            "Timeout": timeout,
            "MemorySize": memory,
            "Environment": {"Variables": dict(environment or {})},
            **options,
        }
        # On AWS a new role is not known to Lambda at once: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
        answer = eventually(
            lambda: clients.lambda_.create_function(**request),
            timeout=30,
            interval=0.5,
            retry=(clients.lambda_.exceptions.InvalidParameterValueException,),
        )
        self._cleanup(clients.lambda_.delete_function, FunctionName=name)
        eventually(
            lambda: clients.lambda_.get_function_configuration(FunctionName=name)["State"], equals="Active", timeout=60
        )
        return Function(name, answer["FunctionArn"], role_arn, clients)

    def mapping(self, function: Function, source_arn: str, **request: Any) -> str:
        """An event source mapping of a function, which ends before its source does; returns its id."""
        lambda_ = function.clients.lambda_
        mapping_id = lambda_.create_event_source_mapping(
            FunctionName=function.name, EventSourceArn=source_arn, **request
        )["UUID"]
        self._cleanup(lambda_.delete_event_source_mapping, UUID=mapping_id)
        return str(mapping_id)

    def stream(self, account_id: str, shards: int = 1, *, name: str | None = None, **options: Any) -> str:
        """An active Kinesis stream; returns its ARN (the name is after the last slash)."""
        kinesis, name = self._clients(account_id).kinesis, name or self._unique("stream")
        kinesis.create_stream(StreamName=name, ShardCount=shards, **options)
        self._cleanup(kinesis.delete_stream, StreamName=name, EnforceConsumerDeletion=True)
        return eventually(
            lambda: kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"],
            until=lambda summary: summary["StreamStatus"] == "ACTIVE",
            timeout=60,
        )["StreamARN"]

    def table(
        self,
        account_id: str,
        *,
        name: str | None = None,
        keys: str = "pk",
        view: str | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        """An active table; returns its description. `keys` is "hash" or "hash range", `view` switches its stream on."""
        dynamodb, name = self._clients(account_id).dynamodb, name or self._unique("table")
        names = keys.split()
        request: dict[str, Any] = {
            "TableName": name,
            "KeySchema": [
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(names, ("HASH", "RANGE"), strict=False)
            ],
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in names],
            "BillingMode": "PAY_PER_REQUEST",
        }
        if view:
            request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
        dynamodb.create_table(**{**request, **options})
        self._cleanup(dynamodb.delete_table, TableName=name)
        table: dict[str, Any] = eventually(
            lambda: dynamodb.describe_table(TableName=name)["Table"],
            until=lambda description: description["TableStatus"] == "ACTIVE",
            timeout=60,
        )
        if view:
            # Until then LocalStack forgets changes.
            streams, arn = self._clients(account_id).dynamodbstreams, table["LatestStreamArn"]
            eventually(
                lambda: streams.describe_stream(StreamArn=arn)["StreamDescription"]["StreamStatus"],
                equals="ENABLED",
                timeout=60,
            )
        return table

    def bucket(self, account_id: str, *, name: str | None = None, policy: Sequence[Mapping[str, Any]] = ()) -> str:
        """A bucket that is emptied and removed when the test ends; returns its name."""
        clients, name = self._clients(account_id), name or self._unique("bucket")
        s3 = clients.s3
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html (LocationConstraint)
        elsewhere = {} if clients.region == "us-east-1" else {"LocationConstraint": clients.region}
        s3.create_bucket(Bucket=name, **({"CreateBucketConfiguration": elsewhere} if elsewhere else {}))
        self._cleanup(s3.delete_bucket, Bucket=name)
        self._cleanup(empty_bucket, s3, name)
        if policy:
            s3.put_bucket_policy(Bucket=name, Policy=_policy(policy))
        return name

    def log_group(self, account_id: str) -> str:
        """A log group; returns its name."""
        logs, name = self._clients(account_id).logs, self._unique("logs")
        logs.create_log_group(logGroupName=name)
        self._cleanup(logs.delete_log_group, logGroupName=name)
        return name

    def queue(self, account_id: str, *, name: str | None = None, **attributes: str) -> tuple[str, str]:
        """A queue; returns its URL and its ARN."""
        sqs = self._clients(account_id).sqs
        url = sqs.create_queue(QueueName=name or self._unique("queue"), Attributes=attributes)["QueueUrl"]
        self._cleanup(sqs.delete_queue, QueueUrl=url)
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn


def empty_bucket(s3: Any, name: str) -> None:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            s3.delete_object(Bucket=name, Key=entry["Key"], VersionId=entry["VersionId"])


def objects(s3: Any, name: str, prefix: str = "") -> dict[str, bytes]:
    """Every object of a bucket under a prefix, by key in order."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return {key: s3.get_object(Bucket=name, Key=key)["Body"].read() for key in sorted(keys)}


def _policy(statements: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [dict(one) for one in statements]})
