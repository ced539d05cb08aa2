"""Queues that SNS may send to, topics, and what arrives."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import Clients, statement

SNS = {"Service": "sns.amazonaws.com"}


@pytest.fixture
def own(account, clients) -> Clients:
    """Clients of an account of the test's own."""
    return clients(account())


@pytest.fixture
def fifo_queue(own, queue, unique) -> Callable[..., tuple[str, str]]:
    """`fifo_queue(ContentBasedDeduplication="true")` is a FIFO queue: its URL and its ARN."""
    return lambda **attributes: queue(
        own.account_id, name=f"{unique('queue')}.fifo", **{"FifoQueue": "true", **attributes}
    )


@pytest.fixture
def topic(own, unique, cleanup) -> Callable[..., str]:
    """`topic()` is a topic's ARN, `topic(FifoTopic="true")` that of a FIFO topic."""

    def make(**attributes: str) -> str:
        name = unique("topic") + (".fifo" if attributes.get("FifoTopic") == "true" else "")
        arn = own.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        cleanup(own.sns.delete_topic, TopicArn=arn)
        return str(arn)

    return make


@pytest.fixture
def inbox(own) -> Callable[[tuple[str, str]], tuple[str, str]]:
    """`inbox(queue(…))` is the same queue, open for SNS."""

    def opened(made: tuple[str, str]) -> tuple[str, str]:
        url, arn = made
        policy = {"Version": "2012-10-17", "Statement": [statement("sqs:SendMessage", arn, Principal=SNS)]}
        own.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        return made

    return opened


@pytest.fixture
def subscribe(own) -> Callable[..., str]:
    """`subscribe(topic_arn, "sqs", endpoint, FilterPolicy={…})` is the subscription's ARN."""

    def subscribed(topic_arn: str, protocol: str, endpoint: str, **attributes: Any) -> str:
        texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in attributes.items()}
        answer = own.sns.subscribe(
            TopicArn=topic_arn, Protocol=protocol, Endpoint=endpoint, Attributes=texts, ReturnSubscriptionArn=True
        )
        return str(answer["SubscriptionArn"])

    return subscribed


@pytest.fixture
def receive(own) -> Callable[..., list[dict[str, Any]]]:
    """`receive(url)` takes up to ten messages, with everything that they have; `VisibilityTimeout=0` leaves them."""

    def received(url: str, **options: Any) -> list[dict[str, Any]]:
        wanted = {"MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "AttributeNames": ["All"], **options}
        messages: list[dict[str, Any]] = own.sqs.receive_message(QueueUrl=url, **wanted).get("Messages", [])
        return messages

    return received


def bodies(messages: list[dict[str, Any]]) -> list[str]:
    return [message["Body"] for message in messages]


def refused(call: Callable[..., Any], **parameters: Any) -> str:
    """The error's code of a call that must be refused."""
    try:
        answer = call(**parameters)
    except ClientError as error:
        return str(error.response["Error"]["Code"]).rpartition(".")[2]
    raise AssertionError(f"not refused: {answer!r:.500}")
