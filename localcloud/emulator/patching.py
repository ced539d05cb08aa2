"""Replaces functions of the pinned emulator, and refuses loudly when they are not the functions that were read.

A replacement is written against one exact source text. When a new emulator version changes that text, starting the
local cloud fails with the name of the function, so that somebody reads the new text before the two are combined
again.
"""

import functools
import hashlib
import importlib
import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

PINNED_VERSION = "1.5.33"

_installed: dict[tuple[str, str], str] = {}


class EmulatorChangedError(RuntimeError):
    """The emulator is not the version, or a function not the text, that the additions were written against."""


def check_version() -> None:
    """Raise EmulatorChangedError unless the pinned emulator version is installed."""
    found = version("ministack")
    if found != PINNED_VERSION:
        raise EmulatorChangedError(
            f"The local cloud's additions are written against ministack {PINNED_VERSION}, but {found} is installed. "
            "Type `make setup` to install the pinned version."
        )


def fingerprint(function: Callable[..., Any]) -> str:
    """The first 12 hex digits of the SHA-256 of a function's source text."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]


def replaces(module: str, name: str, source: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Put the decorated function in the place of `module.name`; it gets the original function as its first argument.

    The name of a method is that of its class, a dot, and its own.
    `source` is the `fingerprint` of the original. Raises EmulatorChangedError when the original differs, or when
    another addition has replaced the same function already (the second one would be written against a text that no
    longer runs).
    """

    def put_in_place(replacement: Callable[..., Any]) -> Callable[..., Any]:
        *classes, attribute = name.split(".")
        owner = functools.reduce(getattr, classes, importlib.import_module(module))
        if (module, name) in _installed:
            raise EmulatorChangedError(
                f"{module}.{name} is replaced by {_installed[module, name]} already; {replacement.__module__} cannot "
                "replace it again."
            )
        original = getattr(owner, attribute)
        found = fingerprint(original)
        if found != source:
            raise EmulatorChangedError(
                f"{module}.{name} has changed (fingerprint {found}, expected {source}). Read its new text, adapt "
                f"{replacement.__module__}.{replacement.__qualname__}, and write the new fingerprint there."
            )

        if inspect.iscoroutinefunction(replacement):

            @functools.wraps(original)
            async def bound_async(*args: Any, **kwargs: Any) -> Any:
                return await replacement(original, *args, **kwargs)

            bound: Callable[..., Any] = bound_async
        else:

            @functools.wraps(original)
            def bound(*args: Any, **kwargs: Any) -> Any:
                return replacement(original, *args, **kwargs)

        setattr(owner, attribute, bound)
        _installed[module, name] = f"{replacement.__module__}.{replacement.__qualname__}"
        return replacement

    return put_in_place
