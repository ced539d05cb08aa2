"""Asynchronous invocations by the API, SNS and S3: the event, retries, and what becomes of an event that fails.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html ,
…/invocation-async-retain-records.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

import json

import pytest

from integration_tests.local_cloud.messaging.conftest import refused
from integration_tests.support.addressing import statement
from integration_tests.support.factories import objects

pytestmark = pytest.mark.local

# Sends every event to a queue, as it came; fails when the event's text says so.
RECORDER = """
import json, os

import boto3

def handler(event, context):
    text = json.dumps(event)
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=text)
    if "fail" in text:
        raise RuntimeError("as asked")
    return "done"
"""


@pytest.fixture
def recorder(own, queue, function):
    """`recorder(**options)`: a recording function that may send everywhere, and its events so far."""

    def make(*statements, **options):
        url, arn = queue(own.account_id)
        made = function(
            own.account_id,
            RECORDER,
            statements=[statement("sqs:SendMessage", arn), *statements],
            environment={"QUEUE_URL": url},
            **options,
        )
        seen = []

        def events():
            answer = own.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            seen.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
            return seen

        return made, events

    return make


def allow(function, service, source_arn) -> None:
    function.clients.lambda_.add_permission(
        FunctionName=function.name,
        StatementId=service,
        Action="lambda:InvokeFunction",
        Principal=f"{service}.amazonaws.com",
        SourceArn=source_arn,
    )


def test_the_event_that_sns_sends_to_a_function(own, topic, subscribe, recorder, eventually) -> None:
    made, events = recorder()
    arn = topic()
    allow(made, "sns", arn)
    subscription = subscribe(arn, "lambda", made.arn)
    message_id = own.sns.publish(TopicArn=arn, Message="m")["MessageId"]
    (record,) = eventually(events, timeout=30)[0]["Records"]
    sns = record.pop("Sns")
    assert record == {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription}
    assert {sns.pop(name)[:4] for name in ("SigningCertUrl", "UnsubscribeUrl")} == {"http"}
    assert sns.pop("Signature")
    assert len(sns.pop("Timestamp")) == len("2026-11-28T20:00:00.000Z")
    assert sns == {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": arn,
        "Subject": None,
        "Message": "m",
        "SignatureVersion": "1",
        "MessageAttributes": {},
    }


def test_an_event_of_sns_or_s3_that_fails_three_times_is_a_dead_letter_as_it_came(
    own, topic, subscribe, bucket, queue, recorder, receive, eventually
) -> None:
    grave_url, grave_arn = queue(own.account_id)
    made, events = recorder(statement("sqs:SendMessage", grave_arn), DeadLetterConfig={"TargetArn": grave_arn})
    arn, source = topic(), bucket(own.account_id)
    allow(made, "sns", arn)
    allow(made, "s3", f"arn:aws:s3:::{source}")
    subscribe(arn, "lambda", made.arn)
    wanted = {"LambdaFunctionArn": made.arn, "Events": ["s3:ObjectCreated:*"]}
    own.s3.put_bucket_notification_configuration(
        Bucket=source, NotificationConfiguration={"LambdaFunctionConfigurations": [wanted]}
    )
    own.sns.publish(TopicArn=arn, Message="fail")
    own.s3.put_object(Bucket=source, Key="fail", Body=b"")
    letters = []
    eventually(lambda: letters.extend(receive(grave_url)) or letters, until=lambda got: len(got) == 2, timeout=60)
    sent = events()
    while more := len(events()) - len(sent):
        assert more
    for letter in letters:
        assert sent.count(json.loads(letter["Body"])) == 3
        attributes = letter["MessageAttributes"]
        assert set(attributes) == {"RequestID", "ErrorCode", "ErrorMessage"}
        assert attributes["ErrorMessage"] == {"DataType": "String", "StringValue": "as asked"}
        assert attributes["ErrorCode"] == {"DataType": "Number", "StringValue": "200"}
    sources = {json.loads(letter["Body"])["Records"][0].get("EventSource", "aws:s3") for letter in letters}
    assert sources == {"aws:sns", "aws:s3"}


def test_destinations_are_told_about_success_and_failure(own, bucket, queue, recorder, receive, eventually) -> None:
    """Given a queue for success and a bucket for failure, when one event succeeds and one fails without a retry, then
    each has the record of its event.
    """
    good_url, good_arn = queue(own.account_id)
    target = bucket(own.account_id)
    made, events = recorder(
        statement("sqs:SendMessage", good_arn),
        statement(["s3:PutObject", "s3:ListBucket"], [f"arn:aws:s3:::{target}", f"arn:aws:s3:::{target}/*"]),
    )
    own.lambda_.put_function_event_invoke_config(
        FunctionName=made.name,
        MaximumRetryAttempts=0,
        DestinationConfig={
            "OnSuccess": {"Destination": good_arn},
            "OnFailure": {"Destination": f"arn:aws:s3:::{target}"},
        },
    )
    for event in ({"n": 1}, {"n": "fail"}):
        assert made.invoke(event, InvocationType="Event")["StatusCode"] == 202
    (told,) = eventually(lambda: receive(good_url), timeout=30)
    record = json.loads(told["Body"])
    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("Success", 1)
    assert context["functionArn"] == f"{made.arn}:$LATEST"
    assert (record["version"], record["requestPayload"], record["responsePayload"]) == ("1.0", {"n": 1}, "done")
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}

    ((key, body),) = eventually(lambda: objects(own.s3, target), timeout=30).items()
    assert key.startswith(f"aws/lambda/async/{made.name}/")
    record = json.loads(body)
    assert (record["requestContext"]["condition"], record["requestPayload"]) == ("RetriesExhausted", {"n": "fail"})
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "as asked"
    assert sorted(map(str, eventually(events, until=lambda got: len(got) == 2))) == ["{'n': 'fail'}", "{'n': 1}"]


def test_an_update_of_the_configuration_keeps_what_is_not_given(own, recorder) -> None:
    made, _ = recorder()
    put, update = own.lambda_.put_function_event_invoke_config, own.lambda_.update_function_event_invoke_config
    assert refused(update, FunctionName=made.name, MaximumRetryAttempts=1) == "ResourceNotFoundException"
    put(FunctionName=made.name, MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60)
    update(FunctionName=made.name, MaximumRetryAttempts=1)
    shown = own.lambda_.get_function_event_invoke_config(FunctionName=made.name)
    assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (1, 60)
    for wrong in ({"MaximumRetryAttempts": 3}, {"MaximumEventAgeInSeconds": 21_601}):
        for call in (put, update):
            assert refused(call, FunctionName=made.name, **wrong) == "ValidationException"


def test_a_function_that_may_not_run_gives_its_events_up_at_once(own, queue, recorder, receive, eventually) -> None:
    grave_url, grave_arn = queue(own.account_id)
    made, events = recorder(statement("sqs:SendMessage", grave_arn), DeadLetterConfig={"TargetArn": grave_arn})
    own.lambda_.put_function_concurrency(FunctionName=made.name, ReservedConcurrentExecutions=0)
    made.invoke({"n": 1}, InvocationType="Event")
    (letter,) = eventually(lambda: receive(grave_url))
    assert json.loads(letter["Body"]) == {"n": 1}
    assert events() == []


def test_what_the_role_may_not_send_is_refused_at_first_and_later_lost_and_counted(
    own, queue, recorder, receive, eventually
) -> None:
    grave_url, grave_arn = queue(own.account_id)
    made, _ = recorder()
    configure = {"FunctionName": made.name, "DeadLetterConfig": {"TargetArn": grave_arn}}
    choose = {"FunctionName": made.name, "DestinationConfig": {"OnFailure": {"Destination": grave_arn}}}
    wrong = "InvalidParameterValueException"
    assert refused(own.lambda_.update_function_configuration, **configure) == wrong
    assert refused(own.lambda_.put_function_event_invoke_config, **choose) == wrong
    policy = {"RoleName": made.role_arn.rpartition("/")[2], "PolicyName": "more"}
    document = {"Version": "2012-10-17", "Statement": [statement("sqs:SendMessage", grave_arn)]}
    own.iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))
    own.lambda_.update_function_configuration(**configure)
    own.lambda_.put_function_event_invoke_config(**choose, MaximumRetryAttempts=0)
    own.iam.delete_role_policy(**policy)
    made.invoke("fail", InvocationType="Event")

    def lost(metric):
        found = own.cloudwatch.list_metrics(Namespace="AWS/Lambda", MetricName=metric)["Metrics"]
        return [one["Dimensions"] for one in found]

    for metric in ("DestinationDeliveryFailures", "DeadLetterErrors"):
        eventually(
            lambda metric=metric: lost(metric), equals=[[{"Name": "FunctionName", "Value": made.name}]], timeout=30
        )
    assert receive(grave_url) == []
