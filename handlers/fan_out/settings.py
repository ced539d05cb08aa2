"""The environment of both functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from handlers.shared.settings import failure_bucket, required, whole_number

__all__ = ["Settings"]

DEFAULT_PATIENCE_S = 2


class Settings(NamedTuple):
    """See handlers/README.md for the variables.

    `drainer` and `function` are the names of the two functions: what both count is counted under the latter, that of
    the function on the sources. `patience_s` is how long a target on its direct lane is tried.
    """

    targets_table: str
    lanes_table: str
    failure_bucket: str
    drainer: str
    function: str
    patience_s: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError."""
        return cls(
            targets_table=required(environment, "TARGETS_TABLE", "the name of the mapping table"),
            lanes_table=required(environment, "LANES_TABLE", "the name of the table of lanes"),
            failure_bucket=failure_bucket(environment),
            drainer=required(environment, "DRAINER", "the name of the function that works off the backlogs"),
            function=environment.get("FUNCTION") or environment.get("AWS_LAMBDA_FUNCTION_NAME") or "fanout",
            patience_s=whole_number(environment, "PATIENCE_SECONDS", DEFAULT_PATIENCE_S, 1, 60),
        )
