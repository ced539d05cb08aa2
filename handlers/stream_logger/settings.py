"""The stream logger's environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.shared.errors import SettingsError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """See handlers/README.md for the variables. `log_data` puts what the records hold into the log."""

    log_data: bool

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError."""
        text = environment.get("LOG_DATA", "").strip() or "false"
        if text not in ("true", "false"):
            raise SettingsError(f"environment variable LOG_DATA is {text!r}: it must be true or false")
        return cls(log_data=text == "true")
