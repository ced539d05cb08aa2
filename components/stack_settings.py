"""A whole stack as the engine says it: the Region, the account it is for, and the settings of its architectures.

The program and the operations read a stack by this alone; where the values come from is their business.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.role_settings import KEY as ROLES
from components.role_settings import RoleSettings, role_settings
from components.settings import Architecture
from components.stack_files import KEY as ARCHITECTURES
from components.stack_files import Kinds, allowed_account, check_place, deployed_region, other_stacks, parse

__all__ = ["ARCHITECTURES", "StackSettings", "stack_settings"]


@dataclass(frozen=True, kw_only=True)
class StackSettings:
    """One stack: one account in one Region, what it holds by instance name, and what is asked of its roles."""

    region: str
    account_id: str
    architectures: Mapping[str, Architecture]
    roles: RoleSettings


def stack_settings(kinds: Kinds, path: Path, value: Callable[[str], str | None]) -> StackSettings:
    """A stack's settings; `value` gives what the engine says of a key, lists and maps as JSON text.

    `path` is its file, with whose neighbours it may share no names. Raises SettingsError, which names the file.
    """
    file = path.name
    found = StackSettings(
        region=deployed_region(file, value("aws:region")),
        account_id=allowed_account(file, _read(value("aws:allowedAccountIds"))),
        architectures=parse(kinds, file, _read(value(ARCHITECTURES))),
        roles=role_settings(file, _read(value(ROLES))),
    )
    check_place(file, found.account_id, found.region, found.architectures, other_stacks(kinds, path.parent, file))
    return found


def _read(text: str | None) -> Any:
    """JSON text as the value that it says; any other text as itself, which `parse` will name."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
