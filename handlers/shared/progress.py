"""How far the invocations before this one got inside a record that is larger than one invocation.

Lambda's checkpoint counts records of the stream, and a record may be an aggregate of thousands. What of it is applied
is remembered in the on-failure bucket, so that each attempt goes on where the one before it stopped, also in another
sandbox.
"""

from __future__ import annotations

from handlers.shared.errors import cause_of, describe
from handlers.shared.failure_bucket import FailureBucket
from handlers.shared.invocation import Invocation
from handlers.shared.streams import Failure

__all__ = ["Progress"]


class Progress:
    """The progress inside the first record of an invocation, and inside the one at which it stops."""

    def __init__(self, invocation: Invocation, bucket: FailureBucket) -> None:
        self._invocation = invocation
        self._bucket = bucket
        self._whole_s = invocation.budget.left_s()
        self._applied = 0

    def load(self) -> int:
        """How many parts of the first record are applied.

        No invocation was cut off in a record that is younger than one lasts, so that nothing is asked for then.
        """
        age_s = self._invocation.age_s(0)
        if age_s is None or age_s >= self._whole_s:
            self._applied = self._bucket.progress(self._invocation.place(0))
        return self._applied

    def save(self, failure: Failure | None) -> None:
        """Remember how far this invocation got. What cannot be remembered is applied twice, which changes nothing."""
        try:
            if self._applied and (failure is None or failure.position > 0):
                self._bucket.forget_progress(self._invocation.place(0))
            if failure is not None and failure.part:
                self._bucket.save_progress(self._invocation.place(failure.position), failure.part)
        except Exception as error:
            cause_of(error)
            self._invocation.details["progress"] = f"not saved: {describe(error)}"
