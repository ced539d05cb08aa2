"""What DynamoDB's transactions allow, and why one was cancelled.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html: 100 actions, 4 MB
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

__all__ = ["CONDITION_FAILED", "INVALID", "MAX_BYTES", "MAX_PAIRS", "cancellation_reasons"]

# Here every item comes with an action on its position.
MAX_PAIRS = 50
MAX_BYTES = 3_500_000

CONDITION_FAILED = "ConditionalCheckFailed"
INVALID = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})


def cancellation_reasons(error: ClientError) -> list[tuple[str, str]]:
    """Code and message for each action of a cancelled transaction; empty when the error is another one."""
    response: Any = error.response
    reasons = response.get("CancellationReasons", [])
    return [(reason.get("Code", "None"), reason.get("Message", "")) for reason in reasons]
