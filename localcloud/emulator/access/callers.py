"""Who the emulator acts for at the moment: the sender of an API request, or the role that an addition works with."""

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager

from ministack.core.responses import get_account_id

from localcloud.emulator.access.authorization import Session, root

_caller: contextvars.ContextVar[Session | None] = contextvars.ContextVar("caller", default=None)


def caller() -> Session:
    """The sender of the API request that is being served; the account's root user when the emulator calls itself."""
    return known_caller() or root(get_account_id())


def known_caller() -> Session | None:
    """The caller when one is known, else None: the emulator calls itself."""
    return _caller.get()


def set_caller(session: Session) -> None:
    """Make `session` the caller for the rest of this request."""
    _caller.set(session)


@contextmanager
def acting(session: Session) -> Iterator[None]:
    """Do what is in the block as `session`: the emulator's services then check keys and policies for it.

    For an addition that calls a service's functions directly with the role that it was given.
    """
    token = _caller.set(session)
    try:
        yield
    finally:
        _caller.reset(token)
