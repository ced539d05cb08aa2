"""The click-stream writer's environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.shared.settings import DEFAULT_WRITE_THREADS, MAX_WRITE_THREADS, failure_bucket, required, whole_number

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """See handlers/README.md for the variables. `threads` counts the calls under way at once."""

    table: str
    hash_name: str
    range_name: str
    threads: int
    failure_bucket: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError."""
        return cls(
            table=required(environment, "TABLE_NAME", "the name of the per-user table"),
            hash_name=environment.get("HASH_NAME") or "useremail_",
            range_name=environment.get("RANGE_NAME") or "nanotimestamp_",
            threads=whole_number(environment, "WRITE_THREADS", DEFAULT_WRITE_THREADS, 1, MAX_WRITE_THREADS),
            failure_bucket=failure_bucket(environment),
        )
