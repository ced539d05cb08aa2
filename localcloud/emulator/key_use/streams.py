"""Kinesis: a producer needs kms:GenerateDataKey and a consumer kms:Decrypt on the key of an encrypted stream.

https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
"""

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.access.authorization import Session
from localcloud.emulator.access.callers import caller
from localcloud.emulator.access.keys import Failure, KmsError, find_key
from localcloud.emulator.access.request_resources import resource_of
from localcloud.emulator.key_use.asking import require_key, require_usable
from localcloud.emulator.request_gate import Call, Response, before, json_error

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html (Errors)
ERROR_CODES = {
    Failure.ACCESS_DENIED: "KMSAccessDeniedException",
    Failure.DISABLED: "KMSDisabledException",
    Failure.INVALID_STATE: "KMSInvalidStateException",
    Failure.NOT_FOUND: "KMSNotFoundException",
}

_NEEDS = {
    "kinesis:PutRecord": "kms:GenerateDataKey",
    "kinesis:PutRecords": "kms:GenerateDataKey",
    "kinesis:GetRecords": "kms:Decrypt",
    "kinesis:SubscribeToShard": "kms:Decrypt",
}


def require_stream_key(session: Session, stream_arn: str, action: str) -> None:
    """Raise KmsError unless `session` may make `action` (kms:Decrypt, kms:GenerateDataKey) on the key of a stream.

    A stream that is not encrypted, or does not exist, needs no key.
    """
    from ministack.services import kinesis

    parts = stream_arn.split(":", 5)
    if len(parts) != 6:
        return
    region, account_id, name = parts[3], parts[4], parts[5].removeprefix("stream/").split("/", 1)[0]
    stream = kinesis._streams.get_scoped(account_id, region, name) or {}
    if stream.get("EncryptionType") != "KMS":
        return
    arn = stream["StreamARN"]
    key = find_key(stream["KeyId"], account_id, region)
    require_key(session, key.arn, action, region, via="kinesis", encryption_context={"aws:kinesis:arn": arn})


def install() -> None:
    """Ask the stream's key for every put and read, and the key itself when a stream is encrypted with it."""

    @before("kinesis")
    def use_the_streams_key(call: Call) -> Response | None:
        action = _NEEDS.get(call.action)
        if action is None:
            return None
        try:
            require_stream_key(caller(), resource_of(call), action)
        except KmsError as error:
            return json_error(ERROR_CODES[error.failure], error.message)
        return None

    @before("kinesis")
    def encrypt_with_a_key_that_can_be_used(call: Call) -> Response | None:
        """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StartStreamEncryption.html"""
        if call.action != "kinesis:StartStreamEncryption":
            return None
        if call.data.get("EncryptionType") != "KMS":
            return json_error("InvalidArgumentException", "EncryptionType must be KMS.")
        try:
            require_usable(find_key(str(call.data.get("KeyId")), get_account_id(), get_region()))
        except KmsError as error:
            return json_error(ERROR_CODES[error.failure], error.message)
        return None
