"""Publish and PublishBatch, and how other services publish.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from ministack.core.responses import new_uuid

from localcloud.emulator.patching import replaces
from localcloud.emulator.request_gate import Call, Response, before
from localcloud.emulator.topics.delivery import Publication, deliver
from localcloud.emulator.topics.errors import Answer, RefusedError, refusal
from localcloud.emulator.topics.messages import (
    Message,
    Topic,
    entries_of,
    message_of,
    require_valid,
    require_valid_batch,
)

DEDUPLICATION_S = 300

Params = Mapping[str, Any]


@dataclass(frozen=True)
class Published:
    """What the publisher is told; `duplicate` when the message was published within the last five minutes."""

    message_id: str
    sequence_number: str | None
    duplicate: bool

    def __str__(self) -> str:
        number = f"<SequenceNumber>{self.sequence_number}</SequenceNumber>" if self.sequence_number else ""
        return f"<MessageId>{self.message_id}</MessageId>{number}"


def publish(topic: dict[str, Any], message: Message) -> Published:
    """Give a message that the topic takes to every subscription; a duplicate is accepted, and goes to none."""
    settings = Topic.of(topic["attributes"])
    if not settings.fifo:
        published = Published(new_uuid(), None, False)
    else:
        own = message.deduplication_id or hashlib.sha256(message.body.encode()).hexdigest()
        message = replace(message, deduplication_id=own)
        published = _in_sequence(topic, message)
    if not published.duplicate:
        deliver(topic, Publication(published.message_id, message, published.sequence_number))
    return published


def _in_sequence(topic: dict[str, Any], message: Message) -> Published:
    """The next message of a FIFO topic, or the first one with this deduplication id in the scope and interval."""
    by_group = topic["attributes"].get("FifoThroughputScope") == "MessageGroup"
    key = (message.group_id if by_group else None, message.deduplication_id)
    now, known = time.time(), topic.setdefault("dedup_cache", {})
    for old in [one for one, entry in known.items() if entry["expire"] <= now]:
        del known[old]
    if key in known:
        return Published(known[key]["message_id"], known[key]["sequence_number"], True)
    topic["fifo_seq"] = topic.get("fifo_seq", 0) + 1
    published = Published(new_uuid(), f"{10**19 + topic['fifo_seq']:020d}", False)
    known[key] = {
        "expire": now + DEDUPLICATION_S,
        "message_id": published.message_id,
        "sequence_number": published.sequence_number,
    }
    return published


def fields_of(body: bytes) -> dict[str, str]:
    """The fields of a request's form, empty ones as well, which the emulator's own parsing drops."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def refused(call: Call) -> Response | None:
    """Why a message or a batch cannot be published to the topic that the request names; None when it can be."""
    from ministack.services import sns

    if call.action not in ("sns:Publish", "sns:PublishBatch"):
        return None
    fields = fields_of(call.body) or {name: str(value) for name, value in call.data.items()}
    arn = sns._normalize_arn(fields.get("TopicArn") or fields.get("TargetArn") or "")
    topic = sns._topic_by_arn_any_scope(arn)
    if topic is None and arn:
        return None  # not found, or a platform endpoint
    settings = Topic.of(topic["attributes"] if topic else {})
    try:
        if call.action == "sns:PublishBatch":
            require_valid_batch(entries_of(fields), settings)
        else:
            require_valid(message_of(fields), settings)
    except RefusedError as error:
        return refusal(error)
    return None


def _publish(original: Callable[[Params], Answer], params: Params) -> Answer:
    from ministack.services import sns

    fields = _flat(params)
    arn = fields.get("TopicArn") or fields.get("TargetArn")
    if not arn or sns._topic_by_arn_any_scope(sns._normalize_arn(arn)) is None:
        return original(params)
    topic, error = sns._get_topic(arn, "sns:Publish")
    if error is not None:
        answer: Answer = error
        return answer
    inner = f"<PublishResult>{publish(topic, message_of(fields))}</PublishResult>"
    return _xml("PublishResponse", inner)


def _publish_batch(_original: object, params: Params) -> Answer:
    from ministack.services import sns

    fields = _flat(params)
    topic, error = sns._get_topic(fields.get("TopicArn", ""), "sns:Publish")
    if error is not None:
        answer: Answer = error
        return answer
    members = "".join(
        f"<member><Id>{entry_id}</Id>{publish(topic, message)}</member>" for entry_id, message in entries_of(fields)
    )
    inner = f"<PublishBatchResult><Successful>{members}</Successful><Failed></Failed></PublishBatchResult>"
    return _xml("PublishBatchResponse", inner)


def _xml(root: str, inner: str) -> Answer:
    from ministack.services import sns

    answer: Answer = sns._xml(200, root, inner)
    return answer


def _flat(params: Params) -> dict[str, str]:
    return {name: value[0] if isinstance(value, list) else value for name, value in params.items()}


def _for_services(
    _original: object,
    topic_arn: str,
    message: Any,
    subject: str = "",
    *,
    message_structure: str = "",
    message_attributes: Mapping[str, Any] | None = None,
    message_group_id: str = "",
    message_deduplication_id: str = "",
) -> dict[str, Any] | None:
    """Publish for another service of the emulator, which has asked who may; None without such a topic.

    Raises SnsPublishError when the topic does not take the message.
    """
    from ministack.services import sns

    topic = sns._topic_by_arn_any_scope(topic_arn)
    if topic is None:
        return None
    content = Message(
        json.dumps(message) if isinstance(message, dict | list) else message,
        subject or None,
        message_structure or None,
        message_attributes or {},
        message_group_id or None,
        message_deduplication_id or None,
    )
    try:
        require_valid(content, Topic.of(topic["attributes"]))
    except RefusedError as error:
        raise sns.SnsPublishError(error.code, str(error)) from None
    published = publish(topic, content)
    return {
        "message_id": published.message_id,
        "sequence_number": published.sequence_number,
        "duplicate": published.duplicate,
    }


def _to_all(
    _original: object, topic_arn: str, message_id: str, message: str, subject: str = "", *_rest: Any, **_more: Any
) -> None:
    """What S3's notifications and alarms publish, with an id of their own."""
    from ministack.services import sns

    topic = sns._topic_by_arn_any_scope(topic_arn)
    if topic is not None:
        deliver(topic, Publication(message_id, Message(message, subject or None), None))


def install() -> None:
    before("sns")(refused)
    module = "ministack.services.sns"
    replaces(module, "_publish", source="df41cb2faa09")(_publish)
    replaces(module, "_publish_batch", source="a257c09d7579")(_publish_batch)
    replaces(module, "publish_internal", source="f979fc53e1eb")(_for_services)
    replaces(module, "_fanout", source="984cdd91d64a")(_to_all)
