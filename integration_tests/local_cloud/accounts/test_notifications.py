"""What SNS may deliver: queue policies and function policies by topic and by account; publishing across accounts.

https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
"""

import json

import pytest

from integration_tests.local_cloud.accounts.refusals import denied
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

SNS = {"Service": "sns.amazonaws.com"}

RECORDER = """
    import boto3, os

    def handler(event, context):
        queue = boto3.client("sqs")
        for record in event["Records"]:
            queue.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=record["Sns"]["Message"])
"""


@pytest.fixture
def topic(clients, unique, cleanup):
    """`topic(account_id, *statements)` is the ARN of a topic under this policy."""

    def make(account_id, *statements):
        sns = clients(account_id).sns
        arn = sns.create_topic(Name=unique("topic"))["TopicArn"]
        cleanup(sns.delete_topic, TopicArn=arn)
        if statements:
            policy = {"Version": "2012-10-17", "Statement": [{**one, "Resource": arn} for one in statements]}
            sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps(policy))
        return arn

    return make


@pytest.fixture
def inbox(clients, queue):
    """`inbox(account_id, condition)`: a queue that takes SNS messages under this condition, and how to read it."""

    def make(account_id, condition=None):
        sqs = clients(account_id).sqs
        url, arn = queue(account_id)
        rule = statement("sqs:SendMessage", arn, Principal=SNS, **({"Condition": condition} if condition else {}))
        policy = {"Version": "2012-10-17", "Statement": [rule]}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        seen = []

        def bodies():
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            seen.extend(message["Body"] for message in answer.get("Messages", []))
            return sorted(seen)

        return url, arn, bodies

    return make


def subscribe(clients, topic_arn, protocol, endpoint):
    clients(topic_arn.split(":")[4]).sns.subscribe(
        TopicArn=topic_arn,
        Protocol=protocol,
        Endpoint=endpoint,
        Attributes={"RawMessageDelivery": "true"} if protocol == "sqs" else {},
        ReturnSubscriptionArn=True,
    )


def publish(clients, topic_arn, message):
    clients(topic_arn.split(":")[4]).sns.publish(TopicArn=topic_arn, Message=message)


def test_a_queue_takes_messages_of_the_topic_of_its_policy_only(account, clients, topic, inbox, eventually):
    own = account()
    wanted, other = topic(own), topic(own)
    _, arn, bodies = inbox(own, {"ArnEquals": {"aws:SourceArn": wanted}})
    for source in (wanted, other):
        subscribe(clients, source, "sqs", arn)
    publish(clients, other, "other")
    publish(clients, wanted, "wanted")
    eventually(bodies, equals=["wanted"])
    publish(clients, wanted, "again")
    eventually(bodies, equals=["again", "wanted"])


def test_a_queue_takes_messages_of_the_account_of_its_policy_only(account, clients, topic, inbox, eventually):
    own, partner, third = account(), account(), account()
    wanted, other = topic(partner), topic(third)
    _, arn, bodies = inbox(own, {"StringEquals": {"aws:SourceAccount": partner}})
    subscribe(clients, wanted, "sqs", arn)
    subscribe(clients, other, "sqs", arn)
    publish(clients, other, "other")
    publish(clients, wanted, "wanted")
    eventually(bodies, equals=["wanted"])
    publish(clients, wanted, "again")
    eventually(bodies, equals=["again", "wanted"])


def test_a_queue_without_a_policy_takes_no_messages(account, clients, topic, inbox, queue, eventually):
    own = account()
    source = topic(own)
    closed_url, closed_arn = queue(own)
    _, open_arn, bodies = inbox(own)
    subscribe(clients, source, "sqs", closed_arn)
    subscribe(clients, source, "sqs", open_arn)
    publish(clients, source, "hello")
    eventually(bodies, equals=["hello"])
    assert "Messages" not in clients(own).sqs.receive_message(QueueUrl=closed_url)


@pytest.mark.parametrize("limit", ["SourceArn", "SourceAccount"])
def test_a_function_is_invoked_only_as_its_policy_says(
    account, clients, topic, function, inbox, queue, eventually, limit
):
    own, third = account(), account()
    wanted = topic(own)
    other = topic(own) if limit == "SourceArn" else topic(third)
    url, queue_arn, bodies = inbox(own)
    recorder = function(
        own, RECORDER, statements=[statement("sqs:SendMessage", queue_arn)], environment={"QUEUE_URL": url}
    )
    recorder.clients.lambda_.add_permission(
        FunctionName=recorder.name,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        **({"SourceArn": wanted} if limit == "SourceArn" else {"SourceAccount": own}),
    )
    for source in (wanted, other):
        subscribe(clients, source, "lambda", recorder.arn)
    publish(clients, other, "other")
    publish(clients, wanted, "wanted")
    eventually(bodies, equals=["wanted"], timeout=30)
    publish(clients, wanted, "again")
    eventually(bodies, equals=["again", "wanted"], timeout=30)


def test_publishing_to_a_topic_of_another_account_needs_both_sides(account, principal, topic):
    own, partner = account(), account()
    publisher, without, other = (
        principal(partner, [statement("sns:Publish")]),
        principal(partner, []),
        principal(partner, [statement("sns:Publish")]),
    )
    named = {"AWS": [publisher.role_arn, without.role_arn]}
    arn = topic(own, statement("sns:Publish", Principal=named))
    assert publisher.sns.publish(TopicArn=arn, Message="hello")["MessageId"]
    for identity in (without, other, principal(account(), [statement("sns:*")])):
        denied(identity.sns.publish, TopicArn=arn, Message="hello")


def test_sending_to_a_queue_of_another_account_needs_both_sides(account, clients, principal, queue):
    own, partner = account(), account()
    sender, without, other = (
        principal(partner, [statement("sqs:SendMessage")]),
        principal(partner, []),
        principal(partner, [statement("sqs:*")]),
    )
    url, arn = queue(own)
    rule = statement("sqs:SendMessage", arn, Principal={"AWS": [sender.role_arn, without.role_arn]})
    policy = {"Version": "2012-10-17", "Statement": [rule]}
    clients(own).sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    assert sender.sqs.send_message(QueueUrl=url, MessageBody="hello")["MessageId"]
    for identity in (without, other, principal(account(), [statement("sqs:*")])):
        denied(identity.sqs.send_message, QueueUrl=url, MessageBody="hello")
    denied(sender.sqs.receive_message, QueueUrl=url)
    assert clients(own).sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"


def test_a_function_of_another_account_is_invoked_by_the_principal_of_its_policy(account, clients, principal, function):
    """https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"""
    own, partner = account(), account()
    echo = function(own, "def handler(event, context):\n    return event\n")
    caller, without = principal(partner, [statement("lambda:InvokeFunction")]), principal(partner, [])
    stranger = principal(account(), [statement("lambda:*")])
    denied(caller.lambda_.invoke, FunctionName=echo.arn, Payload="1")
    clients(own).lambda_.add_permission(
        FunctionName=echo.name, StatementId="partner", Action="lambda:InvokeFunction", Principal=partner
    )
    assert json.load(caller.lambda_.invoke(FunctionName=echo.arn, Payload="[1]")["Payload"]) == [1]
    for identity in (without, stranger):
        denied(identity.lambda_.invoke, FunctionName=echo.arn, Payload="1")
    denied(caller.lambda_.get_function, FunctionName=echo.arn)
