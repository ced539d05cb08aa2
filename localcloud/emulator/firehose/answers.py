"""Answers of the Firehose API that refuse a request.

https://docs.aws.amazon.com/firehose/latest/APIReference/CommonErrors.html
"""

from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json

from localcloud.emulator import model_checks

Answer = tuple[int, dict[str, str], bytes]
Operation = Callable[[dict[str, Any]], Answer]


def refusal(code: str, message: str, status: int = 400) -> Answer:
    answer: Answer = error_response_json(code, message, status)
    return answer


def invalid(message: str) -> Answer:
    """InvalidArgumentException: settings that do not go together."""
    return refusal("InvalidArgumentException", message)


def violation(found: list[str]) -> Answer:
    """ValidationException: members that the service's model does not allow."""
    return refusal("ValidationException", model_checks.message(found))
