"""What a topic takes, who gets it, in which form, and where it goes when it cannot be delivered.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html , …/API_PublishBatch.html , …/API_Subscribe.html
https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html , …/sns-firehose-as-subscriber.html
"""

import json

import pytest

from integration_tests.local_cloud.messaging.conftest import bodies, refused
from integration_tests.support.addressing import statement
from integration_tests.support.factories import objects

pytestmark = pytest.mark.local

LIMIT = 262_144


def text(value: str, data_type: str = "String") -> dict[str, str]:
    return {"DataType": data_type, "StringValue": value}


def test_what_a_topic_refuses_of_a_message(own, topic) -> None:
    """Given one wrong message for each rule, when it is published alone or in a batch, then it is refused the same."""
    arn = topic()
    wrong = [
        ({"Message": ""}, "InvalidParameter"),
        ({"Message": "m", "Subject": ""}, "InvalidParameter"),
        ({"Message": "m", "Subject": "two\nlines"}, "InvalidParameter"),
        ({"Message": "m", "Subject": "s" * 101}, "InvalidParameter"),
        ({"Message": "m", "MessageStructure": "xml"}, "InvalidParameter"),
        ({"Message": "no JSON", "MessageStructure": "json"}, "InvalidParameter"),
        ({"Message": '{"sqs": "no default"}', "MessageStructure": "json"}, "InvalidParameter"),
        ({"Message": '{"default": 1}', "MessageStructure": "json"}, "InvalidParameter"),
        ({"Message": "m", "MessageDeduplicationId": "1"}, "InvalidParameter"),
        ({"Message": "m", "MessageAttributes": {"a": text("")}}, "ParameterValueInvalid"),
        ({"Message": "m", "MessageAttributes": {"a": text("1", "Text")}}, "ParameterValueInvalid"),
        ({"Message": "m", "MessageAttributes": {"a..b": text("1")}}, "ParameterValueInvalid"),
        ({"Message": "m", "MessageAttributes": {"a": text("one", "Number")}}, "ParameterValueInvalid"),
    ]
    for message, code in wrong:
        assert refused(own.sns.publish, TopicArn=arn, **message) == code, message
        entries = [{"Id": "good", "Message": "m"}, {"Id": "wrong", **message}]
        assert refused(own.sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries) == code, message
    attributes = {"a": text("v" * 93)}  # 100 bytes
    assert refused(own.sns.publish, TopicArn=arn, Message="x" * (LIMIT - 99), MessageAttributes=attributes)
    assert own.sns.publish(TopicArn=arn, Message="x" * (LIMIT - 100), MessageAttributes=attributes)["MessageId"]


def test_what_a_topic_refuses_of_a_batch(own, topic, queue, inbox, subscribe, receive) -> None:
    arn, (url, queue_arn) = topic(), inbox(queue(own.account_id))
    subscribe(arn, "sqs", queue_arn, RawMessageDelivery="true")

    def publish(*entries):
        return refused(own.sns.publish_batch, TopicArn=arn, PublishBatchRequestEntries=entries)

    assert publish() == "EmptyBatchRequest"
    assert publish(*({"Id": str(n), "Message": "m"} for n in range(11))) == "TooManyEntriesInBatchRequest"
    assert publish(*[{"Id": "a", "Message": "m"}] * 2) == "BatchEntryIdsNotDistinct"
    for wrong in ("", "b c", "b" * 81):
        assert publish({"Id": "a", "Message": "m"}, {"Id": wrong, "Message": "m"}) == "InvalidBatchEntryId"
    half = LIMIT // 2
    long = {"Id": "b", "Message": "x" * (half - 7), "MessageAttributes": {"a": text("v")}}  # 8 bytes
    assert publish({"Id": "a", "Message": "x" * half}, long) == "BatchRequestTooLong"
    assert receive(url) == [], "a refused batch was published in part"
    binary = {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
    entries = [{"Id": "a", "Message": "x" * half}, {"Id": "b", "Message": "m", "MessageAttributes": {"bytes": binary}}]
    answer = own.sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["a", "b"]
    assert not answer.get("Failed")
    assert [message.get("MessageAttributes") for message in receive(url)] == [None, {"bytes": binary}]


def test_a_fifo_topic_numbers_its_messages_and_delivers_in_order_and_once(
    own, topic, queue, fifo_queue, inbox, subscribe, receive
) -> None:
    arn = topic(FifoTopic="true")
    (url, queue_arn), (plain_url, plain_arn) = inbox(fifo_queue()), inbox(queue(own.account_id))
    for endpoint in (queue_arn, plain_arn):
        subscribe(arn, "sqs", endpoint)
    assert refused(own.sns.publish, TopicArn=arn, Message="m", MessageDeduplicationId="1") == "InvalidParameter"
    assert refused(own.sns.publish, TopicArn=arn, Message="m", MessageGroupId="g") == "InvalidParameter"
    entries = [
        {"Id": str(n), "Message": f"m{n}", "MessageGroupId": "g", "MessageDeduplicationId": str(n % 3)}
        for n in range(4)  # the last one is a duplicate of the first
    ]
    published = own.sns.publish_batch(TopicArn=arn, PublishBatchRequestEntries=entries)["Successful"]
    numbers = [one["SequenceNumber"] for one in published]
    assert all(len(number) == 20 for number in numbers)
    assert numbers[3] == numbers[0] < numbers[1] < numbers[2]
    assert published[3]["MessageId"] == published[0]["MessageId"]
    got = receive(url)
    documents = [json.loads(body) for body in bodies(got)]
    assert [one["Message"] for one in documents] == ["m0", "m1", "m2"]
    assert [one["SequenceNumber"] for one in documents] == numbers[:3]
    assert not any("Signature" in one for one in documents)
    attributes = [message["Attributes"] for message in got]
    assert [(one["MessageGroupId"], one["MessageDeduplicationId"]) for one in attributes] == [
        ("g", "0"),
        ("g", "1"),
        ("g", "2"),
    ]
    assert all(len(one["SequenceNumber"]) == 20 for one in attributes)
    assert sorted(json.loads(body)["Message"] for body in bodies(receive(plain_url))) == ["m0", "m1", "m2"]


def test_what_a_topic_refuses_of_a_subscription(own, topic, queue, fifo_queue, subscribe) -> None:
    arn, fifo_arn = topic(), topic(FifoTopic="true")
    (_, plain), (_, fifo) = queue(own.account_id), fifo_queue()
    stream = f"arn:aws:firehose:{own.region}:{own.account_id}:deliverystream/some"
    wrong = [
        (arn, "carrier-pigeon", plain, {}),
        (arn, "sqs", fifo, {}),
        (fifo_arn, "email", "someone@example.com", {}),
        (arn, "firehose", stream, {}),
        (arn, "sqs", plain, {"RawMessageDelivery": "maybe"}),
        (arn, "email", "someone@example.com", {"RawMessageDelivery": "true"}),
        (arn, "sqs", plain, {"FilterPolicyScope": "Subject"}),
        (arn, "sqs", plain, {"RedrivePolicy": "no JSON"}),
        (arn, "sqs", plain, {"RedrivePolicy": {"deadLetterTargetArn": "no ARN"}}),
        (arn, "sqs", plain, {"RedrivePolicy": {"deadLetterTargetArn": fifo}}),
        (fifo_arn, "sqs", fifo, {"RedrivePolicy": {"deadLetterTargetArn": plain}}),
        (arn, "sqs", plain, {"FilterPolicy": {"a": {"b": ["nested"]}}}),
        (arn, "sqs", plain, {"FilterPolicy": {"a": [{"prefix": 1}]}}),
    ]
    for topic_arn, protocol, endpoint, attributes in wrong:
        call = {"topic_arn": topic_arn, "protocol": protocol, "endpoint": endpoint, **attributes}
        assert refused(subscribe, **call) == "InvalidParameter", call
    subscription = subscribe(arn, "sqs", plain, FilterPolicy={"a": ["1"]})
    assert subscribe(arn, "sqs", plain, FilterPolicy={"a": ["1"]}) == subscription
    call = {"topic_arn": arn, "protocol": "sqs", "endpoint": plain, "FilterPolicy": {"a": ["2"]}}
    assert refused(subscribe, **call) == "InvalidParameter"
    change = {"SubscriptionArn": subscription, "AttributeName": "FilterPolicy", "AttributeValue": '{"a": []}'}
    assert refused(own.sns.set_subscription_attributes, **change) == "InvalidParameter"
    shown = own.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]
    assert (shown["FilterPolicyScope"], json.loads(shown["FilterPolicy"])) == ("MessageAttributes", {"a": ["1"]})


def test_filter_policies_choose_by_attributes_and_by_the_body(own, topic, queue, inbox, subscribe, receive) -> None:
    arn = topic()
    policies = [
        {"FilterPolicy": {"price": [{"numeric": [">=", 10]}]}},
        {"FilterPolicy": {"headers": {"route": [{"prefix": "a"}]}}, "FilterPolicyScope": "MessageBody"},
        {"FilterPolicy": {"headers.route": ["a1"]}, "FilterPolicyScope": "MessageBody"},
    ]
    urls = []
    for policy in policies:
        url, queue_arn = inbox(queue(own.account_id))
        subscribe(arn, "sqs", queue_arn, RawMessageDelivery="true", **policy)
        urls.append(url)
    published = ['{"headers":[{"route":"b"},{"route":"a1"}]}', '{"headers":{"route":"b"}}', "no JSON"]
    for body, price in zip(published, ("9.5", "10", "11"), strict=True):
        own.sns.publish(TopicArn=arn, Message=body, MessageAttributes={"price": text(price, "Number")})
    got = [sorted(bodies(receive(url))) for url in urls]
    assert got == [sorted(published[1:]), published[:1], published[:1]]


def test_what_cannot_be_delivered_is_a_dead_letter_of_the_subscription(
    own, topic, queue, inbox, subscribe, function, receive
) -> None:
    """Given an endpoint that is gone, one that is closed and a function without permission, when a message is
    published, then each subscription's dead-letter queue has what the endpoint would have got.
    """
    arn, (grave_url, grave_arn) = topic(), inbox(queue(own.account_id))
    (gone_url, gone), (_, closed) = queue(own.account_id), queue(own.account_id)
    own.sqs.delete_queue(QueueUrl=gone_url)
    refusing = function(own.account_id, "def handler(event, context):\n    pass\n")
    redrive = {"RedrivePolicy": {"deadLetterTargetArn": grave_arn}}
    subscribe(arn, "sqs", gone, RawMessageDelivery="true", **redrive)
    subscribe(arn, "sqs", closed, **redrive)
    subscribe(arn, "lambda", refusing.arn, **redrive)
    subscribe(arn, "lambda", f"{refusing.arn}-gone", **redrive)
    own.sns.publish(TopicArn=arn, Message="m", MessageAttributes={"a": text("1")})
    letters = receive(grave_url)
    raw = [letter for letter in letters if letter["Body"] == "m"]
    assert [letter["MessageAttributes"] for letter in raw] == [{"a": text("1")}]
    rest = [json.loads(letter["Body"]) for letter in letters if letter not in raw]
    assert [(one["Type"], one["Message"], one["TopicArn"]) for one in rest] == [("Notification", "m", arn)] * 3


def test_a_delivery_stream_gets_a_line_for_each_message(
    own, topic, subscribe, bucket, role, receive, queue, inbox, cleanup, unique, eventually
) -> None:
    name, target = unique("stream"), bucket(own.account_id)
    delivers = role(
        own.account_id,
        [statement("s3:*", [f"arn:aws:s3:::{target}", f"arn:aws:s3:::{target}/*"])],
        trusts="firehose.amazonaws.com",
    )
    stream_arn = own.firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "RoleARN": delivers,
            "BucketARN": f"arn:aws:s3:::{target}",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        },
    )["DeliveryStreamARN"]
    cleanup(own.firehose.delete_delivery_stream, DeliveryStreamName=name)
    arn, (grave_url, grave_arn) = topic(), inbox(queue(own.account_id))
    puts = role(own.account_id, [statement("firehose:PutRecord", stream_arn)], trusts="sns.amazonaws.com")
    powerless = role(own.account_id, [], trusts="sns.amazonaws.com")
    subscription = subscribe(arn, "firehose", stream_arn, SubscriptionRoleArn=puts)
    own.sns.publish(TopicArn=arn, Message="first", Subject="s", MessageAttributes={"a": text("1")})
    own.sns.publish(TopicArn=arn, Message="second")

    def lines():
        return [json.loads(line) for body in objects(own.s3, target).values() for line in body.splitlines()]

    first, second = eventually(lambda: sorted(lines(), key=lambda one: one["Message"]), until=lambda got: len(got) == 2)
    assert first.pop("UnsubscribeURL").endswith(subscription)
    assert set(first) == {"Type", "MessageId", "TopicArn", "Subject", "Message", "Timestamp", "MessageAttributes"}
    assert (first["Message"], first["Subject"]) == ("first", "s")
    assert first["MessageAttributes"] == {"a": {"Type": "String", "Value": "1"}}
    assert second["Message"] == "second"
    assert "Subject" not in second

    redrive = json.dumps({"deadLetterTargetArn": grave_arn})
    for name_, value in (("RedrivePolicy", redrive), ("SubscriptionRoleArn", powerless)):
        own.sns.set_subscription_attributes(SubscriptionArn=subscription, AttributeName=name_, AttributeValue=value)
    own.sns.publish(TopicArn=arn, Message="third")
    assert [json.loads(body)["Message"] for body in bodies(receive(grave_url))] == ["third"]
