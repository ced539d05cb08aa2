"""Writes objects to S3 as the delivery role: its identity policies, the bucket's policy and the encryption key all have a say.

https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Grant Firehose access to an Amazon S3 destination;
Cross-account delivery to an Amazon S3 destination)
"""

import re
from typing import Any

from ministack.core.responses import request_scope

from localcloud.emulator.authorization import AccessDenied, Session, require
from localcloud.emulator.firehose import eventloop
from localcloud.emulator.firehose.errors import DeliveryError
from localcloud.emulator.keys import KmsError, require_key

_SSE = "x-amz-server-side-encryption"
_SSE_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_ERROR_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_ERROR_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")

# https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html (Amazon S3 data delivery errors)
_MESSAGES = {
    "S3.NoSuchBucket": "The specified bucket does not exist. Create the bucket or use a different bucket that does exist.",
    "S3.AccessDenied": "Access was denied. Ensure that the trust policy for the provided IAM role allows Firehose to assume "
    "the role, and the access policy allows access to the S3 bucket.",
    "S3.KMS.NotFoundException": "The provided AWS KMS key was not found. If you are using what you believe to be a valid "
    "AWS KMS key with the correct role, check if there is a problem with the account to which the AWS KMS key is attached.",
}


def put_object(session: Session, bucket: str, key: str, body: bytes, *, key_arn: str | None, region: str) -> None:
    """Put an object, encrypted with `key_arn` or as the bucket's default says.

    Raises DeliveryError with the code and message of Firehose's error log when S3 or KMS refuses.
    """
    from ministack.services import s3

    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        raise DeliveryError("S3.NoSuchBucket", _MESSAGES["S3.NoSuchBucket"])
    headers = {"content-type": "application/octet-stream", "content-length": str(len(body)), "host": "s3.amazonaws.com"}
    if key_arn:
        headers |= {_SSE: "aws:kms", _SSE_KEY: key_arn}
    object_arn = f"arn:aws:s3:::{bucket}/{key}"
    context: dict[str, Any] = {f"s3:{name}": headers[name] for name in (_SSE, _SSE_KEY) if name in headers}
    try:
        require(session, "s3:PutObject", object_arn, context={**context, "aws:SecureTransport": "true"}, region=region)
    except AccessDenied as denied:
        raise DeliveryError("S3.AccessDenied", f"{_MESSAGES['S3.AccessDenied']} {denied}") from denied
    _require_encryption(session, key_arn or _default_key(owner, bucket), object_arn, region)

    async def put() -> tuple[int, dict[str, str], bytes]:
        answer: tuple[int, dict[str, str], bytes] = await s3.handle_request(
            "PUT", f"/{bucket}/{key}", headers, body, {}, internal=True, enforce_bucket_region=False
        )
        return answer

    status, _, answer = eventloop.call(put, owner, region)
    if status >= 300:
        code, message = _ERROR_CODE.search(answer), _ERROR_MESSAGE.search(answer)
        raise DeliveryError(
            f"S3.{code.group(1).decode() if code else status}",
            message.group(1).decode() if message else "S3 refused the object.",
        )


def _default_key(owner: str, bucket: str) -> str | None:
    """The customer key of the bucket's default encryption, None when it has none."""
    from ministack.services import s3

    with request_scope(owner, "us-east-1"):
        default: dict[str, str] = s3._bucket_default_sse_headers(bucket)
    return default.get(_SSE_KEY)


def _require_encryption(session: Session, key: str | None, object_arn: str, region: str) -> None:
    """The role needs kms:GenerateDataKey on the key that encrypts the object.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    if key is None:
        return
    try:
        require_key(
            session, key, "kms:GenerateDataKey", region, via="s3", encryption_context={"aws:s3:arn": object_arn}
        )
    except KmsError as error:
        not_found = error.code in ("NotFoundException", "KMSNotFoundException")
        code = "S3.KMS.NotFoundException" if not_found else f"S3.KMS.{error.code}"
        raise DeliveryError(code, _MESSAGES.get(code, error.message)) from error
