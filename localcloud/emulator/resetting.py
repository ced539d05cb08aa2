"""What is cleared when the local cloud is reset (`POST /_ministack/reset`), besides the emulator's own state.

An addition that keeps state or threads registers a callback from its `install()`; callbacks run in the order of
registration, before the emulator clears its own stores, so that nothing started for the old state touches the new
one.
"""

import logging
from collections.abc import Callable

from localcloud.emulator.patching import replaces

_callbacks: list[Callable[[], None]] = []


def on_reset(callback: Callable[[], None]) -> None:
    """Have `callback` called at every reset.

    It must be quick (a whole reset takes less than 100 ms) and thread-safe.
    """
    _callbacks.append(callback)


def install() -> None:
    @replaces("ministack.app", "_reset_all_state", source="e7a4c161847d")
    def reset_all(original: Callable[[], None]) -> None:
        for callback in _callbacks:
            try:
                callback()
            except Exception:  # one addition's mistake must not leave the others' state behind
                logging.getLogger(__name__).exception("resetting %s failed", callback)
        original()
