"""What an event source mapping of a stream is set to, read once from the emulator's record of it.

Defaults: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html , …/services-ddb-params.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DEFAULTS: dict[str, Any] = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
}


@dataclass(frozen=True)
class Settings:
    """`maximum_retries` and `maximum_age_s` are None for "until the record expires";
    `patterns` are parsed filter patterns.
    """

    function_arn: str
    batch_size: int
    window_s: float
    lanes: int
    bisect: bool
    maximum_retries: int | None
    maximum_age_s: int | None
    reports_failures: bool
    tumbling_s: int
    destination_arn: str | None
    counts_events: bool
    patterns: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "Settings":
        """The settings in a mapping's record."""
        known = DEFAULTS | {key: value for key, value in record.items() if value is not None}
        filters = (record.get("FilterCriteria") or {}).get("Filters") or []
        retries, age = int(known["MaximumRetryAttempts"]), int(known["MaximumRecordAgeInSeconds"])
        return cls(
            function_arn=record["FunctionArn"],
            batch_size=int(known["BatchSize"]),
            window_s=float(known["MaximumBatchingWindowInSeconds"]),
            lanes=int(known["ParallelizationFactor"]),
            bisect=bool(known["BisectBatchOnFunctionError"]),
            maximum_retries=None if retries < 0 else retries,
            maximum_age_s=None if age < 0 else age,
            reports_failures="ReportBatchItemFailures" in known["FunctionResponseTypes"],
            tumbling_s=int(known["TumblingWindowInSeconds"]),
            destination_arn=(known["DestinationConfig"].get("OnFailure") or {}).get("Destination"),
            counts_events="EventCount" in (record.get("MetricsConfig") or {}).get("Metrics", []),
            patterns=tuple(json.loads(one["Pattern"]) for one in filters if one.get("Pattern")),
        )
