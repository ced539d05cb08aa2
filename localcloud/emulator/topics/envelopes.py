"""What an endpoint gets of a message, by protocol. Pure.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-delivery.html
https://docs.aws.amazon.com/sns/latest/dg/firehose-archived-message-format-S3.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.emulator.message_rules import Attributes

# Nothing signs here; clients that check signatures cannot be served.
_SIGNATURE = base64.b64encode(b"the local cloud signs nothing").decode()


@dataclass(frozen=True)
class Notification:
    """One message for one subscription. `time` is as in the message, `unsubscribe_url` the subscription's own."""

    message_id: str
    topic_arn: str
    subscription_arn: str
    body: str
    subject: str | None
    attributes: Attributes
    time: str
    sequence_number: str | None
    unsubscribe_url: str

    @property
    def shown_attributes(self) -> dict[str, dict[str, Any]]:
        return {
            name: {"Type": one["DataType"], "Value": one.get("StringValue") or one.get("BinaryValue")}
            for name, one in self.attributes.items()
        }

    @property
    def signature(self) -> dict[str, str]:
        region = self.topic_arn.split(":")[3]
        return {
            "SignatureVersion": "1",
            "Signature": _SIGNATURE,
            "SigningCertURL": f"https://sns.{region}.amazonaws.com/SimpleNotificationService-local.pem",
        }


def for_queue(notification: Notification) -> dict[str, Any]:
    """For SQS and HTTP; a FIFO topic's message has a sequence number and no signature."""
    fifo = notification.sequence_number is not None
    return _document(notification, {} if fifo else notification.signature)


def for_delivery_stream(notification: Notification) -> dict[str, Any]:
    """For Firehose: no signature."""
    return _document(notification, {})


def for_function(notification: Notification) -> dict[str, Any]:
    """The event of a function, whose names differ from those elsewhere, and which has every member."""
    document = for_queue(notification)
    renamed = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    shown = {renamed.get(name, name): value for name, value in document.items()}
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": notification.subscription_arn,
                "Sns": {
                    **shown,
                    "Subject": notification.subject,
                    "MessageAttributes": notification.shown_attributes,
                },
            }
        ]
    }


def _document(notification: Notification, signature: Mapping[str, str]) -> dict[str, Any]:
    known = {
        "Type": "Notification",
        "MessageId": notification.message_id,
        "SequenceNumber": notification.sequence_number,
        "TopicArn": notification.topic_arn,
        "Subject": notification.subject,
        "Message": notification.body,
        "Timestamp": notification.time,
        **signature,
        "UnsubscribeURL": notification.unsubscribe_url,
        "MessageAttributes": notification.shown_attributes or None,
    }
    return {name: value for name, value in known.items() if value is not None}
