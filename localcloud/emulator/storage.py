"""Writes objects to S3 as a service does for a principal: identity policies, the bucket's policy and the encryption
key all have a say.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-policy-language-overview.html
"""

import re
from typing import Any
from xml.sax.saxutils import unescape

from ministack.core.responses import request_scope

from localcloud.emulator import eventloop, faults
from localcloud.emulator.access.authorization import AccessDenied, Session, require
from localcloud.emulator.access.callers import acting
from localcloud.emulator.bucket_metrics import requests

_SSE = "x-amz-server-side-encryption"
_SSE_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
_ERROR_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_ERROR_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


class StorageError(Exception):
    """S3 or KMS refused: `code` as in S3's answer (`NoSuchBucket`, `AccessDenied`, …), `reason` in its words.

    `status` is that of HTTP.
    """

    def __init__(self, code: str, reason: str, status: int) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.status = status


def put_object(session: Session, bucket: str, key: str, body: bytes, *, key_arn: str | None, region: str) -> None:
    """Put an object, encrypted with `key_arn` or as the bucket's default says.

    `region` is where the caller works; S3, and the key through it, are asked where the bucket is. Raises StorageError
    when S3 or KMS refuses.
    """
    try:
        _put(session, bucket, key, body, key_arn, region)
    except StorageError as refused:
        requests.count(bucket, key, "PUT", refused.status)
        raise
    requests.count(bucket, key, "PUT", 200)


def _put(session: Session, bucket: str, key: str, body: bytes, key_arn: str | None, region: str) -> None:
    from ministack.services import s3

    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        raise StorageError("NoSuchBucket", "The specified bucket does not exist", 404)
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
        raise StorageError("AccessDenied", str(denied), 403) from denied
    except faults.InjectedFaultError as fault:
        raise StorageError(fault.code, fault.message, fault.status) from fault

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
        raise StorageError(
            code.group(1).decode() if code else str(status),
            unescape(message.group(1).decode()) if message else "S3 refused the object.",
            status,
        )
