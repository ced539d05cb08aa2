"""How much of a table's capacity an operation may use."""

from collections.abc import Mapping
from typing import Any, Literal

from handlers.shared.rate_limit import RateLimit

__all__ = ["SHARE", "RateLimit", "provisioned"]

# What an operation may use of a table's provisioned capacity: the rest is for those whom the table is there for.
SHARE = 0.8


def provisioned(
    description: Mapping[str, Any], kind: Literal["ReadCapacityUnits", "WriteCapacityUnits"]
) -> float | None:
    """The units a second that an operation may use of a table as DescribeTable has it; None when it is on demand.

    A write to an index that is short of capacity throttles the table, so the least of them counts.
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations
    """
    if description.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST":
        return None
    written = description.get("GlobalSecondaryIndexes", []) if kind == "WriteCapacityUnits" else []
    least: int = min(one["ProvisionedThroughput"][kind] for one in (description, *written))
    return SHARE * least
