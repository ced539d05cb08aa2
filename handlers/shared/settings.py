"""Reads a function's settings from its environment, with messages that say what would be right."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.shared.errors import SettingsError

__all__ = ["DEFAULT_WRITE_THREADS", "MAX_WRITE_THREADS", "failure_bucket", "required", "whole_number"]

DEFAULT_WRITE_THREADS = 4
MAX_WRITE_THREADS = 32


def required(environment: Mapping[str, str], name: str, meaning: str) -> str:
    """The variable `name`; SettingsError when it is missing or empty."""
    value = environment.get(name, "").strip()
    if not value:
        raise SettingsError(f"environment variable {name} is not set: it must hold {meaning}")
    return value


def failure_bucket(environment: Mapping[str, str]) -> str:
    """The bucket for records that can never be applied; SettingsError when it is missing."""
    return required(environment, "FAILURE_BUCKET", "the name of the on-failure bucket")


def whole_number(environment: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    """The variable `name` as a whole number from `lowest` to `highest`, `default` when it is not set.

    Raises SettingsError for anything else.
    """
    text = environment.get(name, "").strip()
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise SettingsError(
            f"environment variable {name} is {text!r}: it must be a whole number from {lowest} to {highest}"
        )
    return number
