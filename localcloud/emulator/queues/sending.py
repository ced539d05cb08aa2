"""SendMessage and SendMessageBatch, and how other services put a message into a queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html , …/API_SendMessageBatch.html
"""

import hashlib
import time
from collections.abc import Callable
from typing import Any

from ministack.core.concurrency import esm_wake
from ministack.core.responses import get_account_id, new_uuid

from localcloud.emulator.patching import replaces
from localcloud.emulator.queues.messages import MAX_BYTES, Message, RefusedError, deduplication_id, require_valid

Queue = dict[str, Any]
Answer = dict[str, Any]
Operation = Callable[[dict[str, Any], str], Answer]

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-exactly-once-processing.html
DEDUPLICATION_S = 300


def put(queue: Queue, message: Message, sender_id: str | None = None) -> Answer:
    """Put a message into a queue, without asking who may; returns what SendMessage answers.

    A duplicate in a FIFO queue is accepted and not delivered again. Raises RefusedError.
    """
    from ministack.services import sqs

    settings, fifo, now = queue["attributes"], queue["is_fifo"], time.time()
    content_based = settings.get("ContentBasedDeduplication") == "true"
    max_bytes = int(settings.get("MaximumMessageSize", MAX_BYTES))
    require_valid(message, fifo=fifo, content_based=content_based, max_bytes=max_bytes)
    answer: Answer = {"MD5OfMessageBody": hashlib.md5(message.body.encode(), usedforsecurity=False).hexdigest()}
    digest = sqs._md5_msg_attrs(dict(message.attributes))
    if digest:
        answer["MD5OfMessageAttributes"] = digest
    key = _deduplication_key(queue, message) if fifo else None
    if key is not None:
        sqs._prune_dedup(queue)
        first = queue["dedup_cache"].get(key)
        if first:
            return {**answer, "MessageId": first["id"], "SequenceNumber": first["seq"]}
    answer["MessageId"] = new_uuid()
    if fifo:
        queue["fifo_seq"] += 1
        answer["SequenceNumber"] = f"{queue['fifo_seq']:020d}"
        queue["dedup_cache"][key] = {
            "expire": now + DEDUPLICATION_S,
            "id": answer["MessageId"],
            "seq": answer["SequenceNumber"],
        }
    delay_s = sqs.queue_delay(queue) if message.delay_s is None or fifo else message.delay_s
    system = {"SenderId": sender_id or get_account_id(), "SentTimestamp": str(int(now * 1000))}
    queue["messages"].append(
        {
            "id": answer["MessageId"],
            "body": message.body,
            "md5_body": answer["MD5OfMessageBody"],
            "md5_attrs": digest,
            "receipt_handle": None,
            "sent_at": now,
            "visible_at": now + delay_s,
            "receive_count": 0,
            "first_receive_at": None,
            "message_attributes": dict(message.attributes),
            "sys": system | ({"AWSTraceHeader": message.trace_header} if message.trace_header else {}),
            "group_id": message.group_id,
            "dedup_id": deduplication_id(message) if fifo else None,
            "dedup_cache_key": key,
            "seq": answer.get("SequenceNumber"),
        }
    )
    esm_wake.set()
    return answer


def _deduplication_key(queue: Queue, message: Message) -> str:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/high-throughput-fifo.html"""
    own = deduplication_id(message)
    return f"{message.group_id}:{own}" if queue["attributes"].get("DeduplicationScope") == "messageGroup" else own


def send(_original: Operation, data: dict[str, Any], url: str) -> Answer:
    from ministack.services import sqs

    queue = sqs._get_q(data.get("QueueUrl", url), "sqs:SendMessage")
    try:
        return put(queue, Message.of(data))
    except RefusedError as refused:
        raise sqs._Err(refused.code, str(refused)) from None


def send_batch(_original: Operation, data: dict[str, Any], url: str) -> Answer:
    """What is wrong with the request fails all of it, what is wrong with one message that entry alone."""
    from ministack.services import sqs

    queue = sqs._get_q(data.get("QueueUrl", url), "sqs:SendMessage")
    entries = data.get("Entries") or []
    sqs._validate_batch_entries(entries, "SendMessageBatchRequestEntry")
    messages: list[Message | RefusedError] = [_message_or_refusal(entry) for entry in entries]
    total = sum(one.size_bytes for one in messages if isinstance(one, Message))
    if total > MAX_BYTES:
        raise sqs._Err(
            "BatchRequestTooLong",
            f"Batch requests cannot be longer than {MAX_BYTES} bytes. You have sent {total} bytes.",
        )
    answer: Answer = {"Successful": [], "Failed": []}
    for entry, message in zip(entries, messages, strict=True):
        try:
            if isinstance(message, RefusedError):
                raise message
            answer["Successful"].append({"Id": entry["Id"], **put(queue, message)})
        except RefusedError as refused:
            answer["Failed"].append(
                {"Id": entry["Id"], "Code": refused.code, "Message": str(refused), "SenderFault": True}
            )
    return answer


def _message_or_refusal(entry: dict[str, Any]) -> Message | RefusedError:
    try:
        return Message.of(entry)
    except RefusedError as refused:
        return refused


def install() -> None:
    from ministack.services import sqs

    module = "ministack.services.sqs"
    replaces(module, "_act_send_message", source="3abd766508c8")(send)
    replaces(module, "_act_send_message_batch", source="2cab381a76df")(send_batch)
    sqs._HANDLERS |= {"SendMessage": sqs._act_send_message, "SendMessageBatch": sqs._act_send_message_batch}
