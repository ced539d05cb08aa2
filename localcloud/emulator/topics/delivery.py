"""Delivers a published message to every subscription, by protocol; what cannot be delivered is a dead letter.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

import base64
import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import request_scope

from localcloud.emulator import asynchronous
from localcloud.emulator.access.authorization import AccessDenied, assume, require, service_allowed
from localcloud.emulator.access.callers import acting
from localcloud.emulator.access.resource_policies import resource_policy
from localcloud.emulator.queues import messages as queue_messages
from localcloud.emulator.queues import sending
from localcloud.emulator.topics.envelopes import Notification, for_delivery_stream, for_function, for_queue
from localcloud.emulator.topics.filtering import lets_through
from localcloud.emulator.topics.messages import Message

SNS = "sns.amazonaws.com"

_logger = logging.getLogger(__name__)


class NotDeliveredError(Exception):
    """The endpoint did not take the message; the message says why."""


@dataclass(frozen=True)
class Publication:
    """A message that a topic took."""

    message_id: str
    message: Message
    sequence_number: str | None
    time: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Delivery:
    """One publication for one subscription (the emulator's record of it)."""

    topic_arn: str
    subscription: Mapping[str, Any]
    publication: Publication

    @property
    def endpoint(self) -> str:
        return str(self.subscription["endpoint"])

    @property
    def raw(self) -> bool:
        return str(self.subscription["attributes"].get("RawMessageDelivery", "")).lower() == "true"

    @property
    def body(self) -> str:
        return self.publication.message.body_for(self.subscription["protocol"])

    @property
    def notification(self) -> Notification:
        from ministack.services import sns

        publication, message = self.publication, self.publication.message
        arn, moment = self.subscription["arn"], self.publication.time
        return Notification(
            message_id=publication.message_id,
            topic_arn=self.topic_arn,
            subscription_arn=arn,
            body=self.body,
            subject=message.subject,
            attributes=message.attributes,
            time=f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
            sequence_number=publication.sequence_number,
            unsubscribe_url=f"http://{sns._HOST}:{sns._PORT}/?Action=Unsubscribe&SubscriptionArn={arn}",
        )

    @property
    def text(self) -> str:
        """What queues and HTTP endpoints get."""
        return self.body if self.raw else json.dumps(for_queue(self.notification))

    @property
    def wanted(self) -> bool:
        """Whether the subscription's filter policy lets the message through."""
        settings = self.subscription["attributes"]
        policy = settings.get("FilterPolicy")
        scope = settings.get("FilterPolicyScope") or "MessageAttributes"
        return not policy or lets_through(json.loads(policy), scope, self.publication.message.attributes, self.body)


def deliver(topic: Mapping[str, Any], publication: Publication) -> None:
    """Give a publication to every confirmed subscription that wants it."""
    for subscription in list(topic["subscriptions"]):
        delivery = Delivery(topic["arn"], subscription, publication)
        if not subscription.get("confirmed") or not delivery.wanted:
            continue
        send = _SENDERS.get(subscription["protocol"])
        if send is None:
            _logger.info("%s: the protocol %s goes nowhere here", topic["arn"], subscription["protocol"])
            continue
        _attempt(send, delivery)


def _attempt(send: Callable[[Delivery], None], delivery: Delivery) -> None:
    try:
        send(delivery)
    except NotDeliveredError as error:
        _logger.warning("%s did not reach %s: %s", delivery.topic_arn, delivery.endpoint, error)
        policy = json.loads(delivery.subscription["attributes"].get("RedrivePolicy") or "{}")
        if policy.get("deadLetterTargetArn"):
            _bury(delivery, policy["deadLetterTargetArn"])


def _bury(delivery: Delivery, dead_letter_queue_arn: str) -> None:
    """Put what the endpoint would have got into the subscription's dead-letter queue.

    https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
    """
    try:
        _put(delivery, dead_letter_queue_arn)
    except NotDeliveredError as error:
        _logger.warning("dead letter of %s is lost: %s", delivery.subscription["arn"], error)


def _put(delivery: Delivery, queue_arn: str) -> None:
    """Put the message into a queue whose policy lets SNS do so for this topic; with its group where there are any."""
    from ministack.services import sqs

    queue, message = sqs._queue_by_arn(queue_arn), delivery.publication.message
    if queue is None:
        raise NotDeliveredError("the queue does not exist")
    if not sqs.queue_policy_allows(queue_arn, SNS, delivery.topic_arn, delivery.topic_arn.split(":")[4]):
        raise NotDeliveredError("the queue's policy, or its key's, does not let the topic send")
    fifo_topic, fifo_queue = delivery.topic_arn.endswith(".fifo"), queue["is_fifo"]
    sent = queue_messages.Message(
        delivery.text,
        message.attributes if delivery.raw else {},
        message.group_id if fifo_topic == fifo_queue else None,
        message.deduplication_id if fifo_queue else None,
    )
    try:
        sending.put(queue, sent)
    except queue_messages.RefusedError as refused:
        raise NotDeliveredError(str(refused)) from None


def _to_queue(delivery: Delivery) -> None:
    _put(delivery, delivery.endpoint)


def _to_function(delivery: Delivery) -> None:
    """Invoke asynchronously; from then on what becomes of the event is Lambda's matter.

    https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html
    https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-lambda-cross-account.html
    """
    action, arn = "lambda:InvokeFunction", delivery.endpoint
    policy = resource_policy(action, arn)
    document = policy.document if policy is not None else None
    if not service_allowed(document, SNS, action, arn, delivery.topic_arn, delivery.topic_arn.split(":")[4]):
        raise NotDeliveredError("the function does not exist, or its policy does not let the topic invoke it")
    if not asynchronous.invoke(arn, for_function(delivery.notification)):
        raise NotDeliveredError("the function does not exist")


def _to_delivery_stream(delivery: Delivery) -> None:
    """Put a line, as the subscription's role.

    https://docs.aws.amazon.com/sns/latest/dg/prereqs-kinesis-data-firehose.html
    """
    from ministack.services import firehose

    arn, role_arn = delivery.endpoint, delivery.subscription["attributes"]["SubscriptionRoleArn"]
    text = delivery.body if delivery.raw else json.dumps(for_delivery_stream(delivery.notification))
    data = base64.b64encode(f"{text}\n".encode()).decode()
    account_id, region = arn.split(":")[4], arn.split(":")[3]
    try:
        session = assume(role_arn, SNS, "sns", delivery.topic_arn)
        require(session, "firehose:PutRecord", arn, region=region)
    except AccessDenied as denied:
        raise NotDeliveredError(str(denied)) from None
    with request_scope(account_id, region), acting(session):
        name = arn.rpartition("/")[2]
        status, _, answer = firehose._put_record({"DeliveryStreamName": name, "Record": {"Data": data}})
    if status >= 300:
        raise NotDeliveredError(answer.decode(errors="replace"))


def _to_http(delivery: Delivery) -> None:
    """Post once, in a thread of its own."""
    from ministack.services import sns

    def post(one: Delivery) -> None:
        try:
            sns._http_post_sync(one.endpoint, one.text, "Notification")
        except OSError as error:
            raise NotDeliveredError(str(error)) from None

    threading.Thread(target=_attempt, args=(post, delivery), daemon=True).start()


_SENDERS: dict[str, Callable[[Delivery], None]] = {
    "sqs": _to_queue,
    "lambda": _to_function,
    "firehose": _to_delivery_stream,
    "http": _to_http,
    "https": _to_http,
}
