"""How long a comparison waits for what is on its way, and how much of what differs it shows."""

import time
from collections.abc import Callable
from dataclasses import dataclass

# Keys of a kind that a summary names.
SHOWN = 20


@dataclass(frozen=True)
class Patience:
    """`settle_s`: how long an item must have stayed as it is; `longest_s`: when to give up on items that keep changing.

    `clock` and `sleep` are in seconds.
    """

    settle_s: float = 30.0
    longest_s: float = 300.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
