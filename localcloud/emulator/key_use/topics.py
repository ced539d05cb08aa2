"""SNS with SSE-KMS: a publisher needs kms:GenerateDataKey and kms:Decrypt on the topic's key.

https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from ministack.core.responses import new_uuid

from localcloud.emulator.access.callers import caller
from localcloud.emulator.access.keys import Failure, KmsError, find_key
from localcloud.emulator.key_use.asking import require_key
from localcloud.emulator.request_gate import Call, Response, before

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html (Errors)
_ERROR_CODES = {
    Failure.ACCESS_DENIED: "KMSAccessDenied",
    Failure.DISABLED: "KMSDisabled",
    Failure.INVALID_STATE: "KMSInvalidState",
    Failure.NOT_FOUND: "KMSNotFound",
}


def install() -> None:
    """Ask the topic's key for every message published to it."""

    @before("sns")
    def use_the_topics_key(call: Call) -> Response | None:
        from ministack.services import sns

        if call.action not in ("sns:Publish", "sns:PublishBatch"):
            return None
        arn = str(call.data.get("TopicArn") or call.data.get("TargetArn") or "")
        topic = sns._topic_by_arn_any_scope(arn) or {}
        key = topic.get("attributes", {}).get("KmsMasterKeyId")
        if not key:
            return None
        region, account_id = arn.split(":")[3:5]
        try:
            key_arn = find_key(key, account_id, region).arn
            for action in ("kms:GenerateDataKey", "kms:Decrypt"):
                context = {"aws:sns:topicArn": arn}
                require_key(caller(), key_arn, action, region, via="sns", encryption_context=context)
        except KmsError as error:
            refusal: Response = sns._error(_ERROR_CODES[error.failure], error.message, 400)
            refusal[1].setdefault("x-amzn-requestid", new_uuid())
            return refusal
        return None
