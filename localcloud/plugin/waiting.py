"""Waiting for AWS without fixed pauses: short ones first, longer ones later, always with an end."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from localcloud.plugin.errors import OperationError

Result = TypeVar("Result")

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 5.0


def until(look: Callable[[], Result | None], what: str, timeout_s: float, cancelled: threading.Event) -> Result:
    """The first result of `look` that is not None.

    Raises
    ------
    OperationError
        If there is none after `timeout_s` seconds, or if the engine cancels the deployment. `what` completes the
        sentence "Waited for ...".
    """
    end = time.monotonic() + timeout_s
    pause = _FIRST_PAUSE_S
    while (result := look()) is None:
        if time.monotonic() >= end:
            raise OperationError(f"Waited {timeout_s:.0f} s for {what}, in vain. Look at it in AWS, then deploy again.")
        if cancelled.wait(pause):
            raise OperationError(f"Cancelled while waiting for {what}. Deploy again to carry on.")
        pause = min(pause * 2, _LONGEST_PAUSE_S)
    return result
