"""What DynamoDB's transactions allow, and why one was cancelled.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html: 100 actions, 4 MB
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CancellationReason.html
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from handlers.shared.errors import Cause, cause_of

__all__ = ["CONDITION_FAILED", "INVALID", "MAX_BYTES", "MAX_PAIRS", "TransactionSize", "cancellation_reasons"]

# Here every item comes with an action on its position.
MAX_PAIRS = 50
MAX_BYTES = 3_500_000

CONDITION_FAILED = "ConditionalCheckFailed"
THROTTLED = frozenset({"ProvisionedThroughputExceeded", "ThrottlingError"})
INVALID = frozenset({"ValidationError", "ItemCollectionSizeLimitExceeded"})


class TransactionSize:
    """How many pairs to put into a transaction, at `most`.

    A transaction takes what it needs of the tables' capacity at once, or nothing. One of fifty items needs more than a
    small table has in a second, and so they are halved when one is throttled, and doubled again when one is not.
    """

    def __init__(self) -> None:
        self.most = MAX_PAIRS

    def note(self, error: ClientError, pairs: int) -> None:
        """A transaction of so many pairs failed."""
        throttled = {code for code, _ in cancellation_reasons(error)} & THROTTLED
        if throttled or cause_of(error) is Cause.TRANSIENT:
            self.most = max(1, pairs // 2)

    def passed(self) -> None:
        """A transaction passed."""
        self.most = min(2 * self.most, MAX_PAIRS)


def cancellation_reasons(error: ClientError) -> list[tuple[str, str]]:
    """Code and message for each action of a cancelled transaction; empty when the error is another one."""
    response: Any = error.response
    reasons = response.get("CancellationReasons", [])
    return [(reason.get("Code", "None"), reason.get("Message", "")) for reason in reasons]
