"""The copier's environment."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from handlers.cross_account_copier.tables import one_table, table_per_week
from handlers.shared.errors import SettingsError
from handlers.shared.settings import DEFAULT_WRITE_THREADS, MAX_WRITE_THREADS, failure_bucket, required, whole_number

__all__ = ["Settings"]

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
_WEEK = re.compile(r"\d{4}-W(0[1-9]|[1-4]\d|5[0-3])")


@dataclass(frozen=True)
class Settings:
    """See handlers/README.md for the variables.

    `table_of` gives the table for an arrival time in seconds since 1970; `threads` counts the calls under way at once.
    """

    table_of: Callable[[float | None], str]
    role_arn: str
    external_id: str | None
    target_region: str | None
    session_name: str
    threads: int
    failure_bucket: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SettingsError."""
        role_arn = required(environment, "ROLE_ARN", "the ARN of the role to assume in the table's account")
        if not _ROLE_ARN.fullmatch(role_arn):
            raise SettingsError(
                f"environment variable ROLE_ARN is {role_arn!r}: it must be the ARN of an IAM role, "
                "like arn:aws:iam::999999999999:role/DynamoDB-ProdAnalyticsWrite-role"
            )
        return cls(
            table_of=_table_of(environment),
            role_arn=role_arn,
            external_id=environment.get("EXTERNAL_ID") or None,
            target_region=environment.get("TARGET_REGION") or None,
            session_name=environment.get("AWS_LAMBDA_FUNCTION_NAME") or "tributary-copier",
            threads=whole_number(environment, "WRITE_THREADS", DEFAULT_WRITE_THREADS, 1, MAX_WRITE_THREADS),
            failure_bucket=failure_bucket(environment),
        )


def _table_of(environment: Mapping[str, str]) -> Callable[[float | None], str]:
    table, weeks = environment.get("TABLE_NAME"), environment.get("WEEKLY_TABLES")
    if bool(table) == bool(weeks):
        raise SettingsError(
            f"{'both' if table else 'neither'} of the environment variables TABLE_NAME and WEEKLY_TABLES "
            f"{'are' if table else 'is'} set: set TABLE_NAME to the target table's name, or WEEKLY_TABLES to a JSON "
            'object of ISO weeks and tables like {"2026-W47": "clicks-2026-W47"}'
        )
    if table:
        return one_table(table)
    older = required(environment, "OLDER_TABLE", "the table for records that arrived before the weeks of WEEKLY_TABLES")
    return table_per_week(_weeks(str(weeks)), older)


def _weeks(text: str) -> dict[str, str]:
    try:
        weeks = json.loads(text)
    except ValueError:
        weeks = None
    if not isinstance(weeks, dict) or not weeks or not all(map(_WEEK.fullmatch, weeks)) or not all(weeks.values()):
        raise SettingsError(
            f"environment variable WEEKLY_TABLES is {text!r}: it must be a JSON object that maps ISO weeks to table "
            'names, like {"2026-W47": "clicks-2026-W47", "2026-W48": "clicks-2026-W48"}'
        )
    return weeks
