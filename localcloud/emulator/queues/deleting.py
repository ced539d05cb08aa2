"""What a receipt handle can be used for: DeleteMessage and ChangeMessageVisibility, alone and in batches.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.concurrency import esm_wake

from localcloud.emulator.patching import replaces
from localcloud.emulator.queues.messages import RefusedError
from localcloud.emulator.queues.receiving import Receipt, take_out

Queue = dict[str, Any]
Stored = dict[str, Any]
Answer = dict[str, Any]
Operation = Callable[[dict[str, Any], str], Answer]

MAX_VISIBILITY_TIMEOUT_S = 43_200


def delete(queue: Queue, handle: str) -> None:
    """Delete the message of a handle; one that is deleted already is no error. Raises RefusedError.

    On a standard queue an older handle does as well, of which AWS promises only that the request succeeds. On a FIFO
    queue the handle has to be the newest, and in its visibility timeout.
    """
    message = _message_of(queue, handle)
    if message is None:
        return
    if queue["is_fifo"] and (message["receipt_handle"] != handle or message["visible_at"] <= time.time()):
        raise _invalid_handle(handle, "The receipt handle has expired.")
    take_out(queue, [message])


def change_visibility(queue: Queue, handle: str, timeout_s: Any) -> None:
    """Set how long from now on the message of a handle stays in flight. Raises RefusedError."""
    if not str(timeout_s).isdigit() or int(timeout_s) > MAX_VISIBILITY_TIMEOUT_S:
        raise RefusedError(
            "InvalidParameterValue",
            f"Value {timeout_s} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and "
            f"{MAX_VISIBILITY_TIMEOUT_S}.",
        )
    message, now = _message_of(queue, handle), time.time()
    if message is None:
        raise _invalid_handle(handle, "Message does not exist or is not available for visibility timeout change.")
    if message["visible_at"] <= now:
        raise RefusedError("MessageNotInflight", "The specified message isn't in flight.")
    message["visible_at"] = now + int(timeout_s)
    if int(timeout_s) == 0:
        esm_wake.set()


def _message_of(queue: Queue, handle: str) -> Stored | None:
    if not handle:
        raise RefusedError("MissingParameter", "The request must contain the parameter ReceiptHandle.")
    receipt = Receipt.parse(handle)
    if receipt is None or receipt.queue_arn != queue["attributes"]["QueueArn"]:
        raise RefusedError(
            "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.'
        )
    return next((one for one in queue["messages"] if one["id"] == receipt.message_id), None)


def _invalid_handle(handle: str, reason: str) -> RefusedError:
    return RefusedError(
        "InvalidParameterValue", f"Value {handle} for parameter ReceiptHandle is invalid. Reason: {reason}"
    )


def _delete(queue: Queue, entry: Mapping[str, Any]) -> None:
    delete(queue, entry.get("ReceiptHandle") or "")


def _change(queue: Queue, entry: Mapping[str, Any]) -> None:
    change_visibility(queue, entry.get("ReceiptHandle") or "", entry.get("VisibilityTimeout"))


def _single(action: str, act: Callable[[Queue, Mapping[str, Any]], None]) -> Callable[..., Answer]:
    def serve(_original: Operation, data: dict[str, Any], url: str) -> Answer:
        from ministack.services import sqs

        queue = sqs._get_q(data.get("QueueUrl", url), action)
        try:
            act(queue, data)
        except RefusedError as refused:
            raise sqs._Err(refused.code, str(refused)) from None
        return {}

    return serve


def _batch(action: str, entry_name: str, act: Callable[[Queue, Mapping[str, Any]], None]) -> Callable[..., Answer]:
    """What is wrong with the request fails all of it, what is wrong with one entry that entry alone."""

    def serve(_original: Operation, data: dict[str, Any], url: str) -> Answer:
        from ministack.services import sqs

        queue = sqs._get_q(data.get("QueueUrl", url), action)
        entries = data.get("Entries") or []
        sqs._validate_batch_entries(entries, entry_name)
        answer: Answer = {"Successful": [], "Failed": []}
        for entry in entries:
            try:
                act(queue, entry)
            except RefusedError as refused:
                failed = {"Id": entry["Id"], "Code": refused.code, "Message": str(refused), "SenderFault": True}
                answer["Failed"].append(failed)
            else:
                answer["Successful"].append({"Id": entry["Id"]})
        return answer

    return serve


def install() -> None:
    from ministack.services import sqs

    module, change = "ministack.services.sqs", "sqs:ChangeMessageVisibility"
    replaces(module, "_act_delete_message", source="8d700665e3d6")(_single("sqs:DeleteMessage", _delete))
    replaces(module, "_act_delete_message_batch", source="877517c32f0f")(
        _batch("sqs:DeleteMessage", "DeleteMessageBatchRequestEntry", _delete)
    )
    replaces(module, "_act_change_visibility", source="387eac7e8e12")(_single(change, _change))
    replaces(module, "_act_change_visibility_batch", source="bd08e3c7b0ab")(
        _batch(change, "ChangeMessageVisibilityBatchRequestEntry", _change)
    )
    sqs._HANDLERS |= {
        "DeleteMessage": sqs._act_delete_message,
        "DeleteMessageBatch": sqs._act_delete_message_batch,
        "ChangeMessageVisibility": sqs._act_change_visibility,
        "ChangeMessageVisibilityBatch": sqs._act_change_visibility_batch,
    }
