"""Encrypted queues and topics: who sends and receives needs the key, and so does a service that delivers.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

import json

import pytest

from integration_tests.local_cloud.accounts.refusals import refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local

ALL = [statement(["sqs:*", "sns:*", "kms:*"])]
SEND = ["kms:GenerateDataKey", "kms:Decrypt"]
SNS = {"Service": "sns.amazonaws.com"}


def send(identity, url, body="hello"):
    return identity.sqs.send_message(QueueUrl=url, MessageBody=body)


def receive(identity, url):
    return [one["Body"] for one in identity.sqs.receive_message(QueueUrl=url).get("Messages", [])]


def test_a_sender_generates_data_keys_and_a_receiver_decrypts(account, principal, queue, key):
    own = account()
    customer_key = key(own)
    url, arn = queue(own, KmsMasterKeyId=customer_key.arn)
    sender, half, receiver, other = (principal(own, ALL) for _ in range(4))
    in_context = {"Condition": {"StringEquals": {"kms:EncryptionContext:aws:sqs:arn": arn}}}
    customer_key.policy(
        statement(SEND, Principal={"AWS": sender.role_arn}, **in_context),
        statement("kms:GenerateDataKey", Principal={"AWS": half.role_arn}),
        statement("kms:Decrypt", Principal={"AWS": receiver.role_arn}, **in_context),
    )
    send(sender, url)
    for identity in (half, receiver, other):
        assert refused(send, identity, url)[0] == "KMS.AccessDeniedException"
    for identity in (half, other):
        assert refused(receive, identity, url)[0] == "KMS.AccessDeniedException"
    assert receive(receiver, url) == ["hello"]


def test_a_disabled_key_stops_the_queue_and_nothing_is_lost(account, principal, queue, key):
    own = account()
    customer_key = key(own)
    url, _ = queue(own, KmsMasterKeyId=customer_key.arn)
    identity = principal(own, ALL)
    customer_key.allow(SEND, identity.role_arn)
    send(identity, url, "kept")
    customer_key.disable()
    assert refused(send, identity, url)[0] == "KMS.DisabledException"
    assert refused(receive, identity, url)[0] == "KMS.DisabledException"
    customer_key.enable()
    assert receive(identity, url) == ["kept"]


def test_sns_delivers_to_an_encrypted_queue_when_the_key_policy_lets_sns_in(
    account, clients, queue, key, unique, cleanup, eventually
):
    own = account()
    customer_key, sns, sqs = key(own), clients(own).sns, clients(own).sqs
    url, arn = queue(own, KmsMasterKeyId=customer_key.arn)
    rule = statement("sqs:SendMessage", arn, Principal=SNS)
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [rule]})})
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    cleanup(sns.delete_topic, TopicArn=topic)
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})

    administrator = statement(SEND, Principal={"AWS": own})
    customer_key.policy(administrator)
    sns.publish(TopicArn=topic, Message="lost")
    of_topic = {"ArnEquals": {"aws:SourceArn": topic}}
    customer_key.policy(administrator, statement(SEND, Principal=SNS, Condition=of_topic))
    sns.publish(TopicArn=topic, Message="delivered")
    seen = []
    eventually(lambda: seen.extend(receive(clients(own), url)) or seen, equals=["delivered"])


def test_a_publisher_needs_the_key_of_an_encrypted_topic(account, clients, principal, key, unique, cleanup):
    own = account()
    customer_key, sns = key(own), clients(own).sns
    topic = sns.create_topic(Name=unique("topic"), Attributes={"KmsMasterKeyId": customer_key.arn})["TopicArn"]
    cleanup(sns.delete_topic, TopicArn=topic)
    publisher, other = principal(own, ALL), principal(own, ALL)
    customer_key.allow(SEND, publisher.role_arn)
    assert publisher.sns.publish(TopicArn=topic, Message="x")["MessageId"]
    assert refused(other.sns.publish, TopicArn=topic, Message="x")[0].startswith("KMSAccessDenied")
    customer_key.disable()
    assert refused(publisher.sns.publish, TopicArn=topic, Message="x")[0].startswith("KMSDisabled")
