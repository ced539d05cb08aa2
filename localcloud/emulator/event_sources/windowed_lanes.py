"""The lane of a shard whose mapping has tumbling windows: batches of one window, and an invocation that ends each
window.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
"""

import time
from collections.abc import Sequence

from localcloud.emulator.event_sources.delivery import Delivered, Failed, Outcome
from localcloud.emulator.event_sources.lanes import Lane, Shard
from localcloud.emulator.event_sources.pauses import pause_s
from localcloud.emulator.event_sources.records import StreamRecord
from localcloud.emulator.event_sources.tumbling import Window, of_one_window, state_in, window_of


class WindowedLane(Lane):
    """Hands the state of the open window to every invocation, and takes it back."""

    def __init__(self, shard: Shard, number: int) -> None:
        super().__init__(shard, number)
        self._window: Window | None = None

    def between_batches(self) -> float | None:
        """End the open window when its time is up or a later record is next."""
        following = self.pending[0] if self.pending else None
        if self._window is not None and self._window.is_over(time.time(), following):
            self._end_window(self._window)
        return None if self._window is None else max(0.0, self._window.end_s - time.time())

    def together(self, records: Sequence[StreamRecord]) -> int:
        return of_one_window(records, window_of(records[0], self.mapping.settings.tumbling_s))

    def send(self, records: Sequence[StreamRecord]) -> Outcome:
        """Invoke with the window's state; an answer without a state is a failed invocation."""
        window = self._window = self._window or window_of(records[0], self.mapping.settings.tumbling_s)
        outcome = self._invoke(records, window, final=False)
        if isinstance(outcome, Delivered) and window.is_too_large():
            self._end_window(window)
            self._window = Window(window.start_s, window.length_s)
        return outcome

    def _invoke(self, records: Sequence[StreamRecord], window: Window, final: bool) -> Outcome:
        event = window.event(self.shard.shard_id, self.mapping.source.arn, final)
        outcome = self.mapping.delivery.invoke(records, event)
        if not isinstance(outcome, Delivered):
            return outcome
        state = state_in(outcome.result)
        if state is None and not final:
            return Failed(0, "$LATEST", None, "PROBLEM: Function response has no state")
        window.state = state or {}
        return outcome

    def _end_window(self, window: Window) -> None:
        """Invoke for the end of the window until that succeeds; nothing else of the shard is processed meanwhile."""
        failures = 0
        while self.may_go_on():
            self.busy = True
            outcome = self._invoke((), window, final=True)
            if isinstance(outcome, Delivered):
                self._window = None
                break
            failures += 1
            self.mapping.report(outcome.problem)
            self.pause(pause_s(failures))
        self.busy = False
