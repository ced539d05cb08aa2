"""SQS with SSE-KMS: a producer needs kms:GenerateDataKey and kms:Decrypt on the queue's key, a consumer kms:Decrypt.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcloud.emulator.access.authorization import Session
from localcloud.emulator.access.callers import caller
from localcloud.emulator.access.keys import Failure, KmsError, find_key
from localcloud.emulator.access.request_resources import resource_of
from localcloud.emulator.key_use.asking import require_key, require_key_for_service
from localcloud.emulator.patching import replaces
from localcloud.emulator.request_gate import Call, Response, before

# The error and, for clients of the older protocol, its legacy code.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html (Errors)
_ERROR_CODES = {
    Failure.ACCESS_DENIED: ("KmsAccessDenied", "KMS.AccessDeniedException"),
    Failure.DISABLED: ("KmsDisabled", "KMS.DisabledException"),
    Failure.INVALID_STATE: ("KmsInvalidState", "KMS.InvalidStateException"),
    Failure.NOT_FOUND: ("KmsNotFound", "KMS.NotFoundException"),
}

_SEND = ("kms:GenerateDataKey", "kms:Decrypt")
_NEEDS: Mapping[str, Sequence[str]] = {
    "sqs:SendMessage": _SEND,
    "sqs:SendMessageBatch": _SEND,
    "sqs:ReceiveMessage": ("kms:Decrypt",),
}


def _key_of(queue_arn: str) -> str | None:
    """The ARN of the customer key of a queue. Raises KmsError NOT_FOUND."""
    from ministack.services import sqs

    queue = sqs._queue_by_arn(queue_arn)
    key = queue["attributes"].get("KmsMasterKeyId") if queue else None
    parts = queue_arn.split(":")
    return find_key(key, parts[4], parts[3]).arn if key else None


def require_queue_key(session: Session, queue_arn: str) -> None:
    """Ask the queue's key, when it has one, for what a consumer needs. Raises KmsError."""
    key = _key_of(queue_arn)
    if key is not None:
        context = {"aws:sqs:arn": queue_arn}
        require_key(session, key, "kms:Decrypt", queue_arn.split(":")[3], via="sqs", encryption_context=context)


def install() -> None:
    """Ask the queue's key for every send and receive, and for what other services deliver to it."""

    @before("sqs")
    def use_the_queues_key(call: Call) -> Response | None:
        actions = _NEEDS.get(call.action)
        if actions is None:
            return None
        arn = resource_of(call)
        try:
            key = _key_of(arn) if arn != "*" else None
            for action in actions if key else ():
                context = {"aws:sqs:arn": arn}
                require_key(caller(), str(key), action, arn.split(":")[3], via="sqs", encryption_context=context)
        except KmsError as error:
            code, legacy = _ERROR_CODES[error.failure]
            headers = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-query-error": f"{legacy};Sender"}
            body = {"__type": f"com.amazonaws.sqs#{code}", "message": error.message}
            return 400, headers, json.dumps(body).encode()
        return None

    @replaces("ministack.services.sqs", "queue_policy_allows", source="5de01aa09a4c")
    def key_policy_allows_too(
        original: Callable[..., Any], queue_arn: str, service: str, source_arn: str, source_account: str
    ) -> bool:
        """The key policy must let the service in:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html (Enable
        compatibility between event sources from AWS services and encrypted queues)
        """
        if not original(queue_arn, service, source_arn, source_account):
            return False
        try:
            key = _key_of(queue_arn)
            for action in _SEND if key else ():
                require_key_for_service(
                    service, str(key), action, source_arn, source_account, {"aws:sqs:arn": queue_arn}
                )
        except KmsError:
            return False
        return True
