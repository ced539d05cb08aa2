"""Reads data sets and writes results in S3 as the execution's role: its policies and the encryption key have a say.

https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
"""

import re
from xml.sax.saxutils import unescape

from ministack.core.responses import get_region

from localcloud.emulator import eventloop, faults
from localcloud.emulator.access.callers import acting
from localcloud.emulator.step_functions.roles import execution_error, required

_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


def read(bucket: str, key: str, error: str) -> bytes:
    """An object's content. Raises `error` when S3, KMS or the role's policies refuse."""
    return _call("GET", bucket, key, b"", error)


def write(bucket: str, key: str, body: bytes, error: str) -> None:
    """Put an object. Raises `error` when S3, KMS or the role's policies refuse."""
    _call("PUT", bucket, key, body, error)


def _call(method: str, bucket: str, key: str, body: bytes, error: str) -> bytes:
    from ministack.services import s3

    action = "GetObject" if method == "GET" else "PutObject"
    object_arn = f"arn:aws:s3:::{bucket}/{key}"
    session = required(f"s3:{action}", object_arn, error)
    owner, region = s3._bucket_owner_account(bucket), get_region()
    if owner is None:
        raise execution_error(error, f"The specified bucket does not exist (bucket {bucket}).")
    try:
        faults.check(session.account_id, "s3", action, object_arn)
    except faults.InjectedFaultError as fault:
        raise execution_error(error, f"{fault.code}: {fault.message}") from fault
    headers = {"content-length": str(len(body)), "content-type": "application/json", "host": "s3.amazonaws.com"}

    async def request() -> tuple[int, dict[str, str], bytes]:
        # S3 asks the encryption key for whom it acts.
        with acting(session):
            answer: tuple[int, dict[str, str], bytes] = await s3.handle_request(
                method, f"/{bucket}/{key}", headers, body, {}, internal=True, enforce_bucket_region=False
            )
        return answer

    status, _, answer = eventloop.call(request, owner, region)
    if status >= 300:
        told = _MESSAGE.search(answer)
        raise execution_error(error, f"{unescape(told.group(1).decode()) if told else status} ({object_arn})")
    return answer
