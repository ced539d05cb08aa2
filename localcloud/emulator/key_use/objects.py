"""S3 with SSE-KMS: writing an object needs kms:GenerateDataKey, reading it kms:Decrypt, a multipart upload both.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
"""

import contextvars
import re
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_region

from localcloud.emulator.access.callers import known_caller
from localcloud.emulator.access.keys import Failure, KmsError, find_key
from localcloud.emulator.key_use.asking import require_key
from localcloud.emulator.patching import replaces

ALGORITHM = "x-amz-server-side-encryption"
KEY_ID = "x-amz-server-side-encryption-aws-kms-key-id"
BUCKET_KEY = "x-amz-server-side-encryption-bucket-key-enabled"

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html: KMS's own code after the prefix, status 400.
_STATUS = {Failure.ACCESS_DENIED: 403, Failure.DISABLED: 400, Failure.INVALID_STATE: 400, Failure.NOT_FOUND: 400}

# The method, the bucket and the object's key of the request that S3 is handling.
_request: contextvars.ContextVar[tuple[str, str, str]] = contextvars.ContextVar("s3_request", default=("", "", ""))

Headers = Mapping[str, str]

_BUCKET_KEY_ON = re.compile(r"<BucketKeyEnabled>\s*true\s*</BucketKeyEnabled>")


def encryption_context(bucket: str, key: str, headers: Headers) -> dict[str, str]:
    """What S3 binds a data key to: the object's ARN, or the bucket's when its headers tell of an S3 Bucket Key.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-key.html#bucket-key-changes
    """
    by_bucket = headers.get(BUCKET_KEY) == "true"
    return {"aws:s3:arn": f"arn:aws:s3:::{bucket}" if by_bucket else f"arn:aws:s3:::{bucket}/{key}"}


def _refusal(encrypted: Headers, *actions: str) -> Any:
    """S3's answer when the caller may not use the key; None when it may, and when the emulator itself is the caller."""
    from ministack.services import s3

    session = known_caller()
    if session is None:
        return None
    _, bucket, name = _request.get()
    context = encryption_context(bucket, name, encrypted)
    try:
        for action in actions:
            require_key(session, encrypted[KEY_ID], action, get_region(), via="s3", encryption_context=context)
    except KmsError as error:
        denied = error.failure is Failure.ACCESS_DENIED
        code = "AccessDenied" if denied else f"KMS.{error.failure.value}"
        return s3._error(code, error.message, _STATUS[error.failure])
    return None


def _encryption_of(stored: Mapping[str, Any]) -> Headers | None:
    """The encryption headers of a stored object or upload, None when KMS has no part in it."""
    headers: Headers = stored.get("preserved_headers", {})
    return headers if headers.get(ALGORITHM) == "aws:kms" and headers.get(KEY_ID) else None


def _on_write(original: Callable[..., Any], headers: Headers, bucket_name: str) -> Any:
    """The encryption headers of a new object, whose key the caller may use; a key is named by its ARN.

    Without a key the AWS managed key of the caller's account encrypts, and a key ID or an alias is one of the caller's
    account:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-encryption.html
    """
    from ministack.services import s3

    given = dict(headers)
    if given.get(ALGORITHM) == "aws:kms" and not given.get(KEY_ID):
        given[KEY_ID] = "alias/aws/s3"
    resolved, error = original(given, bucket_name)
    session = known_caller()
    if error is not None or resolved.get(ALGORITHM) != "aws:kms" or session is None:
        return resolved, error
    by_bucket = given.get(BUCKET_KEY) or s3._bucket_default_sse_headers(bucket_name).get(BUCKET_KEY)
    encrypted = {
        **resolved,
        KEY_ID: resolved.get(KEY_ID) or "alias/aws/s3",
        **({BUCKET_KEY: by_bucket} if by_bucket else {}),
    }
    refusal = _refusal(encrypted, "kms:GenerateDataKey")
    if refusal is not None:
        return None, refusal
    return {**encrypted, KEY_ID: find_key(encrypted[KEY_ID], session.account_id, get_region()).arn}, None


def _on_read(original: Callable[..., Any], headers: Headers, stored: Mapping[str, Any]) -> Any:
    """What refuses reading a stored object; its metadata (HEAD) is not encrypted."""
    refusal = original(headers, stored)
    encrypted = _encryption_of(stored)
    if refusal is not None or encrypted is None or _request.get()[0] == "HEAD":
        return refusal
    return _refusal(encrypted, "kms:Decrypt")


def _on_copy_source(original: Callable[..., Any], headers: Headers, stored: Mapping[str, Any]) -> Any:
    refusal = original(headers, stored)
    encrypted = _encryption_of(stored)
    return refusal if refusal is not None or encrypted is None else _refusal(encrypted, "kms:Decrypt")


def _on_part(original: Callable[..., Any], headers: Headers, upload: Mapping[str, Any]) -> Any:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions"""
    refusal = original(headers, upload)
    encrypted = _encryption_of(upload)
    return (
        refusal
        if refusal is not None or encrypted is None
        else _refusal(encrypted, "kms:GenerateDataKey", "kms:Decrypt")
    )


def _bucket_default(original: Callable[..., dict[str, str]], bucket_name: str) -> dict[str, str]:
    """The bucket's default encryption, with its S3 Bucket Key."""
    from ministack.services import s3

    headers = original(bucket_name)
    stored = s3._bucket_encryption.get(bucket_name) or b""
    text = stored.decode() if isinstance(stored, bytes) else str(stored)
    return (
        {**headers, BUCKET_KEY: "true"}
        if _BUCKET_KEY_ON.search(text) and headers.get(ALGORITHM) == "aws:kms"
        else headers
    )


def install() -> None:
    """Ask the key for every write and read of an object by a caller from outside."""
    replaces("ministack.services.s3", "_resolve_sse_write_headers", source="2affef5a7d37")(_on_write)
    replaces("ministack.services.s3", "_bucket_default_sse_headers", source="e7f8158dbf30")(_bucket_default)
    replaces("ministack.services.s3", "_check_sse_read_headers", source="d501c3162cc6")(_on_read)
    replaces("ministack.services.s3", "_check_sse_c_copy_source", source="7a7dd3896c92")(_on_copy_source)
    replaces("ministack.services.s3", "_check_sse_c_part", source="6ed38ad5d8e2")(_on_part)

    @replaces("ministack.services.s3", "_apply_bucket_scope", source="df846d5b4247")
    def remember_the_object(
        original: Callable[..., Any], method: str, bucket: str, key: str, *rest: Any, **more: Any
    ) -> Any:
        _request.set((method, bucket, key))
        return original(method, bucket, key, *rest, **more)

    @replaces("ministack.core.iam_actions", "_s3_object_context", source="3a43e6ca9f51")
    def with_the_key(
        original: Callable[..., Any], iam_action: str, query_params: Any, path: str, headers: Headers
    ) -> Any:
        """s3:x-amz-server-side-encryption-aws-kms-key-id, which bucket policies ask for.

        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
        """
        context = original(iam_action, query_params, path, headers)
        if iam_action == "s3:PutObject" and headers.get(KEY_ID):
            context[f"s3:{KEY_ID}"] = headers[KEY_ID]
        return context
