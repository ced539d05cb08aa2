"""Runs work that touches the emulator's stores on its event loop, where those stores are otherwise used.

Delivery threads wait here; the event loop never waits for them.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

from ministack.core.responses import request_scope

T = TypeVar("T")

CALL_TIMEOUT_S = 60.0

_loop: asyncio.AbstractEventLoop | None = None


def remember_loop() -> None:
    """Note the running event loop, on which `call` works from now on."""
    global _loop
    _loop = asyncio.get_running_loop()


def call(function: Callable[[], Awaitable[T]], account_id: str, region: str) -> T:
    """Run `function` on the event loop as the account in the region, and wait for its result.

    Raises what it raises, and TimeoutError after a minute. Never called on the event loop itself.
    """
    if _loop is None or _loop.is_closed():
        raise RuntimeError("The emulator's event loop does not run.")

    async def scoped() -> T:
        with request_scope(account_id, region):
            return await function()

    return asyncio.run_coroutine_threadsafe(scoped(), _loop).result(CALL_TIMEOUT_S)


def later(delay_s: float, function: Callable[[], object]) -> None:
    """Have `function` called on the event loop after so many seconds. From any thread; returns at once."""
    if _loop is None or _loop.is_closed():
        raise RuntimeError("The emulator's event loop does not run.")
    _loop.call_soon_threadsafe(_loop.call_later, delay_s, function)


def install() -> None:
    """Note the event loop when the emulator starts to serve."""
    from ministack import app

    inner = app.app

    @functools.wraps(inner)
    async def noted(scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "lifespan":
            remember_loop()
        await inner(scope, receive, send)

    app.app = noted
