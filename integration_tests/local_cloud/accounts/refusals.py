"""What the tests of this folder say about a call: allowed, or refused with this code."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


def refused(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[str, str]:
    """Call what must be refused; returns the error's code and message. Raises AssertionError when it is accepted."""
    try:
        answer = call(*args, **kwargs)
    except ClientError as error:
        found = error.response["Error"]
        return found["Code"], found["Message"]
    raise AssertionError(f"not refused: {answer!r:.500}")


def denied(call: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Call what must be denied for lack of permission; returns the message."""
    code, message = refused(call, *args, **kwargs)
    assert code in DENIED, f"refused with {code}: {message}"
    return message
