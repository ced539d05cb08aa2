"""What a queue takes, the order in which it gives, and what its receipt handles can be used for.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html ,
…/API_SendMessageBatch.html , …/API_ReceiveMessage.html , …/API_DeleteMessage.html , …/API_ChangeMessageVisibility.html
"""

import base64

import pytest

from integration_tests.local_cloud.messaging.conftest import bodies, refused

pytestmark = pytest.mark.local

MIB = 1_048_576


def test_the_names_types_and_values_of_attributes_count_as_well_as_the_body(own, queue, receive) -> None:
    url, _ = queue(own.account_id, MaximumMessageSize="1024")
    attributes = {"name": {"DataType": "String", "StringValue": "v" * 100}}
    fits = 1024 - len("name") - len("String") - 100
    own.sqs.send_message(QueueUrl=url, MessageBody="x" * fits, MessageAttributes=attributes)
    call = {"QueueUrl": url, "MessageBody": "x" * (fits + 1), "MessageAttributes": attributes}
    assert refused(own.sqs.send_message, **call) == "InvalidParameterValue"
    binary = {"name": {"DataType": "Binary", "BinaryValue": b"v" * 100}}  # counts as bytes, not as base64
    own.sqs.send_message(QueueUrl=url, MessageBody="x" * fits, MessageAttributes=binary)
    assert [message["MessageAttributes"] for message in receive(url)] == [attributes, binary]


def test_a_batch_is_as_large_as_its_bodies_and_attributes_together(own, queue, receive) -> None:
    url, _ = queue(own.account_id)
    attributes = {"a": {"DataType": "String", "StringValue": "v" * 93}}  # 100 bytes
    half = {"MessageBody": "x" * (MIB // 2 - 100), "MessageAttributes": attributes}
    too_long = [{"Id": "a", **half}, {"Id": "b", **half, "MessageBody": half["MessageBody"] + "x"}]
    assert refused(own.sqs.send_message_batch, QueueUrl=url, Entries=too_long) == "BatchRequestTooLong"
    answer = own.sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "a", **half}, {"Id": "b", **half}])
    assert [entry["Id"] for entry in answer["Successful"]] == ["a", "b"]
    assert len(receive(url)) == 2


def test_a_wrong_message_fails_its_entry_and_a_wrong_batch_fails_as_a_whole(own, queue, fifo_queue, receive) -> None:
    url, _ = queue(own.account_id, MaximumMessageSize="1024")
    entries = [
        {"Id": "good", "MessageBody": "good"},
        {"Id": "long", "MessageBody": "x" * 1025},
        {"Id": "character", "MessageBody": "\x07"},
        {"Id": "empty", "MessageBody": "e", "MessageAttributes": {"a": {"DataType": "String", "StringValue": ""}}},
        {"Id": "type", "MessageBody": "t", "MessageAttributes": {"a": {"DataType": "Text", "StringValue": "1"}}},
        {"Id": "number", "MessageBody": "n", "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "one"}}},
        {"Id": "twice", "MessageBody": "d", "MessageDeduplicationId": "1"},
        {"Id": "late", "MessageBody": "l", "DelaySeconds": 901},
    ]
    answer = own.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    wrong = {entry["Id"]: (entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]}
    other = [entry["Id"] for entry in entries[1:] if entry["Id"] != "character"]
    assert wrong == {"character": ("InvalidMessageContents", True)} | dict.fromkeys(
        other, ("InvalidParameterValue", True)
    )
    assert bodies(receive(url)) == ["good"]
    for ids, code in {
        (): "EmptyBatchRequest",
        tuple(map(str, range(11))): "TooManyEntriesInBatchRequest",
        ("a", "a"): "BatchEntryIdsNotDistinct",
        ("a", "b c"): "InvalidBatchEntryId",
    }.items():
        batch = [{"Id": one, "MessageBody": "m"} for one in ids]
        assert refused(own.sqs.send_message_batch, QueueUrl=url, Entries=batch) == code


def test_a_fifo_queue_needs_a_group_and_takes_no_message_twice(own, fifo_queue, receive) -> None:
    url, _ = fifo_queue()
    answer = own.sqs.send_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "group", "MessageBody": "m", "MessageDeduplicationId": "1"},
            {"Id": "duplicate", "MessageBody": "m", "MessageGroupId": "g"},
            {"Id": "token", "MessageBody": "m", "MessageGroupId": "g h", "MessageDeduplicationId": "1"},
            {"Id": "late", "MessageBody": "m", "MessageGroupId": "g", "MessageDeduplicationId": "1", "DelaySeconds": 1},
            {"Id": "first", "MessageBody": "first", "MessageGroupId": "g", "MessageDeduplicationId": "2"},
            {"Id": "again", "MessageBody": "other", "MessageGroupId": "h", "MessageDeduplicationId": "2"},
        ],
    )
    assert {entry["Id"]: entry["Code"] for entry in answer["Failed"]} == {
        "group": "MissingParameter",
        "duplicate": "InvalidParameterValue",
        "token": "InvalidParameterValue",
        "late": "InvalidParameterValue",
    }
    first, again = answer["Successful"]
    assert (first["Id"], again["Id"]) == ("first", "again")
    assert (first["MessageId"], first["SequenceNumber"]) == (again["MessageId"], again["SequenceNumber"])
    assert len(first["SequenceNumber"]) == 20
    assert bodies(receive(url)) == ["first"]


def test_a_fifo_queue_gives_group_by_group_and_a_group_is_open_when_its_first_message_is(
    own, fifo_queue, receive
) -> None:
    url, _ = fifo_queue(ContentBasedDeduplication="true")
    for name in ("g1-m1", "g2-m1", "g1-m2", "g1-m3"):
        own.sqs.send_message(QueueUrl=url, MessageBody=name, MessageGroupId=name[:2])
    taken = receive(url)
    assert bodies(taken) == ["g1-m1", "g1-m2", "g1-m3", "g2-m1"]
    handles = {message["Body"]: message["ReceiptHandle"] for message in taken}
    own.sqs.send_message(QueueUrl=url, MessageBody="g1-m4", MessageGroupId="g1")
    assert receive(url) == []
    own.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handles["g1-m2"], VisibilityTimeout=0)
    assert receive(url) == [], "the second message of a group was given before the first one was done"
    own.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handles["g1-m1"], VisibilityTimeout=0)
    assert bodies(receive(url)) == ["g1-m1", "g1-m2"]


def test_receipt_handles_of_a_standard_queue(own, queue, receive) -> None:
    """Given a message that was received twice, when the older handle is used, then it does what the newer one does."""
    url, _ = queue(own.account_id)
    other_url, _ = queue(own.account_id)
    own.sqs.send_message(QueueUrl=url, MessageBody="m")
    older = receive(url, VisibilityTimeout=0)[0]["ReceiptHandle"]
    call = {"QueueUrl": url, "ReceiptHandle": older, "VisibilityTimeout": 60}
    assert refused(own.sqs.change_message_visibility, **call) == "MessageNotInflight"
    newer = receive(url)[0]["ReceiptHandle"]
    assert newer != older
    own.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=older, VisibilityTimeout=0)
    assert bodies(receive(url)) == ["m"]
    for handle in (older, older, newer):  # what is deleted already is no error
        own.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
    assert refused(own.sqs.change_message_visibility, **call) == "InvalidParameterValue"
    for handle, at in ((older, other_url), ("nonsense", url), (base64.b64encode(b"a|b|c").decode(), url)):
        assert refused(own.sqs.delete_message, QueueUrl=at, ReceiptHandle=handle) == "ReceiptHandleIsInvalid"
    entries = [{"Id": "gone", "ReceiptHandle": newer}, {"Id": "nonsense", "ReceiptHandle": "nonsense"}]
    answer = own.sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["gone"]
    assert [(one["Id"], one["Code"]) for one in answer["Failed"]] == [("nonsense", "ReceiptHandleIsInvalid")]


def test_a_receipt_handle_of_a_fifo_queue_expires_with_its_visibility_timeout(own, fifo_queue, receive) -> None:
    url, _ = fifo_queue(ContentBasedDeduplication="true")
    own.sqs.send_message(QueueUrl=url, MessageBody="m", MessageGroupId="g")
    handle = receive(url, VisibilityTimeout=0)[0]["ReceiptHandle"]
    assert refused(own.sqs.delete_message, QueueUrl=url, ReceiptHandle=handle) == "InvalidParameterValue"
    own.sqs.delete_message(QueueUrl=url, ReceiptHandle=receive(url)[0]["ReceiptHandle"])
    own.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


def test_batches_are_authorized_by_the_action_on_one_message(own, queue, topic, principal) -> None:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html , …/list_amazonsns.html"""
    url, arn = queue(own.account_id)
    topic_arn = topic()
    allowed = [
        {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:DeleteMessage"], "Resource": arn},
        {"Effect": "Allow", "Action": "sns:Publish", "Resource": topic_arn},
    ]
    sender, stranger = principal(own.account_id, allowed), principal(own.account_id, [])
    entries = [{"Id": "a", "MessageBody": "m"}]
    published = [{"Id": "a", "Message": "m"}]
    assert sender.sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
    assert sender.sns.publish_batch(TopicArn=topic_arn, PublishBatchRequestEntries=published)["Successful"]
    assert refused(stranger.sqs.send_message_batch, QueueUrl=url, Entries=entries).startswith("AccessDenied")
    refusal = refused(stranger.sns.publish_batch, TopicArn=topic_arn, PublishBatchRequestEntries=published)
    assert refusal == "AuthorizationError"
