"""A whole stack as the engine says it: the Region, the account it is for, and the settings of its architectures.

The program and the operations read a stack by this alone; where the values come from is their business.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from components.errors import SettingsError
from components.settings import Architecture, Kinds, allowed_account, parse

ARCHITECTURES = "tributary:architectures"


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """One stack: one account in one Region, and what it holds by instance name."""

    region: str
    account_id: str
    architectures: Mapping[str, Architecture]


def stack_settings(kinds: Kinds, file: str, value: Callable[[str], str | None]) -> StackSettings:
    """A stack's settings; `value` gives what the engine says of a key, lists and maps as JSON text.

    Raises SettingsError, which names `file`.
    """
    region = value("aws:region")
    if region is None or not region[:1].isalpha():
        raise SettingsError(f"{file}: `aws:region` is {region!r}; it must name a Region such as eu-west-1.")
    return StackSettings(
        region=region,
        account_id=allowed_account(file, _read(value("aws:allowedAccountIds"))),
        architectures=parse(kinds, file, _read(value(ARCHITECTURES))),
    )


def _read(text: str | None) -> Any:
    """JSON text as the value that it says; any other text as itself, which `parse` will name."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
