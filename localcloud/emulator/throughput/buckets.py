"""Token buckets: what capacity is left, by rate, burst and time; no I/O."""

import time
from dataclasses import dataclass, field


@dataclass
class Bucket:
    """Units that come in at `rate` a second and are kept up to `burst`; a use may overdraw, and is then paid back."""

    rate: float
    burst: float
    level: float
    stamp_s: float = field(default_factory=time.monotonic)

    def left(self, now_s: float | None = None) -> float:
        """The units that can be used now; negative while an overdraft is paid back."""
        now_s = time.monotonic() if now_s is None else now_s
        self.level = min(self.burst, self.level + (now_s - self.stamp_s) * self.rate)
        self.stamp_s = now_s
        return self.level

    def use(self, units: float) -> None:
        self.left()
        self.level -= units
