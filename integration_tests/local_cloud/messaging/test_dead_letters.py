"""Dead letters of queues, and how they come back.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

import json

import pytest

from integration_tests.local_cloud.messaging.conftest import bodies, refused
from integration_tests.support.addressing import statement

pytestmark = pytest.mark.local


@pytest.fixture
def dead_letters(own, queue, receive):
    """A dead-letter queue with three messages of one source: ((URL, ARN) of the source, of the dead-letter queue)."""
    grave = queue(own.account_id)
    policy = {"deadLetterTargetArn": grave[1], "maxReceiveCount": 1}
    source = queue(own.account_id, RedrivePolicy=json.dumps(policy))
    for number in range(3):
        own.sqs.send_message(QueueUrl=source[0], MessageBody=str(number))
    assert len(receive(source[0], VisibilityTimeout=0)) == 3
    assert receive(source[0]) == []
    return source, grave


def test_dead_letters_are_moved_back_to_their_source_as_new_messages(
    own, queue, dead_letters, receive, eventually
) -> None:
    (source_url, source_arn), (grave_url, grave_arn) = dead_letters
    found = own.sqs.list_dead_letter_source_queues(QueueUrl=grave_url)["queueUrls"]
    assert [url.rpartition("/")[2] for url in found] == [source_url.rpartition("/")[2]]
    buried = receive(grave_url, VisibilityTimeout=0)
    assert {message["Attributes"]["DeadLetterQueueSourceArn"] for message in buried} == {source_arn}

    own.sqs.start_message_move_task(SourceArn=grave_arn)
    task = eventually(
        lambda: own.sqs.list_message_move_tasks(SourceArn=grave_arn)["Results"][0],
        until=lambda task: task["Status"] == "COMPLETED",
    )
    assert (task["SourceArn"], task["ApproximateNumberOfMessagesMoved"]) == (grave_arn, 3)
    assert task["ApproximateNumberOfMessagesToMove"] == 3
    assert "TaskHandle" not in task
    back = receive(source_url)
    assert sorted(bodies(back)) == ["0", "1", "2"]
    assert not {message["MessageId"] for message in back} & {message["MessageId"] for message in buried}
    assert {message["Attributes"]["ApproximateReceiveCount"] for message in back} == {"1"}
    assert receive(grave_url) == []


def test_a_move_is_slow_on_demand_goes_elsewhere_and_can_be_cancelled(
    own, queue, dead_letters, receive, eventually
) -> None:
    _, (_, grave_arn) = dead_letters
    other_url, other_arn = queue(own.account_id)
    started = own.sqs.start_message_move_task(
        SourceArn=grave_arn, DestinationArn=other_arn, MaxNumberOfMessagesPerSecond=1
    )
    running = own.sqs.list_message_move_tasks(SourceArn=grave_arn)["Results"][0]
    assert (running["Status"], running["TaskHandle"]) == ("RUNNING", started["TaskHandle"])
    again = {"SourceArn": grave_arn, "DestinationArn": other_arn}
    assert refused(own.sqs.start_message_move_task, **again) == "UnsupportedOperation"
    own.sqs.cancel_message_move_task(TaskHandle=started["TaskHandle"])
    task = eventually(
        lambda: own.sqs.list_message_move_tasks(SourceArn=grave_arn)["Results"][0],
        until=lambda task: task["Status"] == "CANCELLED",
    )
    assert len(receive(other_url)) == task["ApproximateNumberOfMessagesMoved"] < 3
    assert refused(own.sqs.cancel_message_move_task, TaskHandle="nonsense") == "ResourceNotFoundException"


def test_who_moves_messages_has_to_be_allowed_to_and_only_dead_letters_are_moved(
    own, queue, dead_letters, principal
) -> None:
    (_, source_arn), (_, grave_arn) = dead_letters
    assert refused(own.sqs.start_message_move_task, SourceArn=source_arn) == "InvalidParameterValue"
    assert refused(own.sqs.start_message_move_task, SourceArn=f"{grave_arn}x") == "ResourceNotFoundException"
    starts = statement("sqs:StartMessageMoveTask", grave_arn)
    reads = statement(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], grave_arn)
    sends = statement("sqs:SendMessage", source_arn)
    for lacking in ([reads, sends], [starts, sends], [starts, reads]):
        actor = principal(own.account_id, lacking)
        assert refused(actor.sqs.start_message_move_task, SourceArn=grave_arn).startswith("AccessDenied")
    assert principal(own.account_id, [starts, reads, sends]).sqs.start_message_move_task(SourceArn=grave_arn)
