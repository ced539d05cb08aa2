"""The environment of the functions that write a replica, and their client of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from handlers.shared.clients import AssumedRole
from handlers.shared.errors import SettingsError
from handlers.shared.json_calls import DYNAMODB, JsonCalls
from handlers.shared.settings import DEFAULT_WRITE_THREADS, MAX_WRITE_THREADS, required, whole_number

__all__ = ["ReplicaSettings", "replica_client"]

_ROLE_ARN = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")


@dataclass(frozen=True)
class ReplicaSettings:
    """See handlers/README.md for the variables.

    `positions_table` is None unless the replica is guarded; `role_arn` is None when the function's own role writes;
    `threads` counts the calls under way at once.
    """

    replica_table: str
    positions_table: str | None
    tombstone_days: int
    role_arn: str | None
    external_id: str | None
    region: str | None
    session_name: str
    threads: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> ReplicaSettings:
        """Raises SettingsError."""
        role_arn = environment.get("ROLE_ARN") or None
        if role_arn and not _ROLE_ARN.fullmatch(role_arn):
            raise SettingsError(
                f"environment variable ROLE_ARN is {role_arn!r}: it must be the ARN of an IAM role, "
                "like arn:aws:iam::999999999999:role/DDBReplicationWriter"
            )
        return cls(
            replica_table=required(environment, "REPLICA_TABLE", "the replica's table name"),
            positions_table=environment.get("POSITIONS_TABLE") or None,
            tombstone_days=whole_number(environment, "TOMBSTONE_DAYS", 14, 1, 365),
            role_arn=role_arn,
            external_id=environment.get("EXTERNAL_ID") or None,
            region=environment.get("REPLICA_REGION") or None,
            session_name=environment.get("AWS_LAMBDA_FUNCTION_NAME") or "tributary-replicator",
            threads=whole_number(environment, "WRITE_THREADS", DEFAULT_WRITE_THREADS, 1, MAX_WRITE_THREADS),
        )


def replica_client(settings: ReplicaSettings) -> JsonCalls:
    """DynamoDB where the replica is, as the role that may write it."""
    credentials = None
    if settings.role_arn:
        credentials = AssumedRole(settings.role_arn, settings.session_name, settings.external_id).credentials()
    return JsonCalls(DYNAMODB, credentials, region=settings.region, connections=settings.threads)
