"""Writes objects to S3 as the delivery role: its identity policies, the bucket's policy and the encryption key all
have a say.

https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Grant Firehose access to an Amazon S3
destination; Cross-account delivery to an Amazon S3 destination)
"""

import re
from typing import Any
from xml.sax.saxutils import unescape

from ministack.core.responses import request_scope

from localcloud.emulator import faults
from localcloud.emulator.authorization import AccessDenied, Session, require
from localcloud.emulator.callers import acting
from localcloud.emulator.firehose import eventloop
from localcloud.emulator.firehose.errors import DeliveryError

_SSE = "x-amz-server-side-encryption"
_SSE_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_ERROR_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_ERROR_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")

# https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html (Amazon S3 data delivery errors)
_MESSAGES = {
    "S3.NoSuchBucket": "The specified bucket does not exist. Create the bucket or use a different bucket that does "
    "exist.",
    "S3.AccessDenied": "Access was denied. Ensure that the trust policy for the provided IAM role allows Firehose to "
    "assume the role, and the access policy allows access to the S3 bucket.",
    "S3.KMS.NotFoundException": "The provided AWS KMS key was not found. If you are using what you believe to be a "
    "valid AWS KMS key with the correct role, check if there is a problem with the account to which the AWS KMS key is "
    "attached.",
}


def put_object(session: Session, bucket: str, key: str, body: bytes, *, key_arn: str | None, region: str) -> None:
    """Put an object, encrypted with `key_arn` or as the bucket's default says.

    `region` is where the caller works; S3, and the key through it, are asked where the bucket is. Raises DeliveryError
    with the code and message of Firehose's error log when S3 or KMS refuses.
    """
    from ministack.services import s3

    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        raise _error("S3.NoSuchBucket")
    with request_scope(owner, region):
        region = s3.bucket_region(bucket) or region
    headers = {"content-type": "application/octet-stream", "content-length": str(len(body)), "host": "s3.amazonaws.com"}
    if key_arn:
        headers |= {_SSE: "aws:kms", _SSE_KEY: key_arn}
    object_arn = f"arn:aws:s3:::{bucket}/{key}"
    context: dict[str, Any] = {f"s3:{name}": headers[name] for name in (_SSE, _SSE_KEY) if name in headers}
    try:
        require(session, "s3:PutObject", object_arn, context={**context, "aws:SecureTransport": "true"}, region=region)
        faults.check(session.account_id, "s3", "PutObject", object_arn)
    except AccessDenied as denied:
        raise _error("S3.AccessDenied", str(denied)) from denied
    except faults.InjectedFaultError as fault:
        raise _error(f"S3.{fault.code}", fault.message) from fault

    async def put() -> tuple[int, dict[str, str], bytes]:
        # S3 asks the encryption key for whom it acts.
        with acting(session):
            answer: tuple[int, dict[str, str], bytes] = await s3.handle_request(
                "PUT", f"/{bucket}/{key}", headers, body, {}, internal=True, enforce_bucket_region=False
            )
        return answer

    status, _, answer = eventloop.call(put, owner, region)
    if status >= 300:
        code, message = _ERROR_CODE.search(answer), _ERROR_MESSAGE.search(answer)
        raise _error(
            f"S3.{code.group(1).decode() if code else status}",
            unescape(message.group(1).decode()) if message else "S3 refused the object.",
        )


def _error(code: str, reason: str = "") -> DeliveryError:
    known = _MESSAGES.get(code)
    return DeliveryError(code, f"{known} {reason}".strip() if known else reason, reason)
