"""What CreateEventSourceMapping and UpdateEventSourceMapping refuse about their parameters. Pure.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html , and the parameters of each kind of
source:
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html , …/services-ddb-params.html ,
…/services-sqs-parameters.html
"""

import time
from collections.abc import Mapping
from typing import Any

from localcloud.emulator.event_sources import filters

# https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html: "up to five different filters", 4,096
# characters
MAX_FILTERS = 5
MAX_PATTERN_CHARACTERS = 4096

# Least and most of every number; the API's own, before the kind of source is looked at.
RANGES = {
    "BatchSize": (1, 10_000),
    "MaximumBatchingWindowInSeconds": (0, 300),
    "ParallelizationFactor": (1, 10),
    "MaximumRecordAgeInSeconds": (-1, 604_800),
    "MaximumRetryAttempts": (-1, 10_000),
    "TumblingWindowInSeconds": (0, 900),
}
LEAST_RECORD_AGE_S = 60
STARTING_POSITIONS = {"kinesis": ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"), "dynamodb": ("TRIM_HORIZON", "LATEST")}
STREAM_ONLY = (
    "ParallelizationFactor",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "BisectBatchOnFunctionError",
    "TumblingWindowInSeconds",
    "StartingPosition",
    "StartingPositionTimestamp",
)
# In these states a mapping takes no changes: API_UpdateEventSourceMapping.html (ResourceInUseException)
IN_USE = ("Creating", "Enabling", "Disabling", "Updating", "Deleting")
DESTINATION_SERVICES = ("sqs", "sns", "s3")


class InvalidError(ValueError):
    """A parameter breaks a rule; `code` is the error's name."""

    def __init__(self, message: str, code: str = "InvalidParameterValueException") -> None:
        super().__init__(message)
        self.code = code


def require_valid(request: Mapping[str, Any], service: str) -> None:
    """Raise InvalidError for the first parameter that a mapping of this service's source cannot have."""
    for name, (least, most) in RANGES.items():
        _require_in_range(name, request.get(name), least, most)
    if service not in STARTING_POSITIONS:
        _require_no_stream_settings(request, service)
    age_s = request.get("MaximumRecordAgeInSeconds")
    if age_s is not None and -1 < age_s < LEAST_RECORD_AGE_S:
        raise InvalidError(
            f"MaximumRecordAgeInSeconds must be -1 or from {LEAST_RECORD_AGE_S} to "
            f"{RANGES['MaximumRecordAgeInSeconds'][1]}, but is {age_s}."
        )
    _require_filters(request.get("FilterCriteria"))
    _require_destination(request.get("DestinationConfig"), service)
    wanted = (request.get("MetricsConfig") or {}).get("Metrics") or []
    if any(one != "EventCount" for one in wanted):
        raise InvalidError(f"MetricsConfig can hold EventCount only for this source, but holds {wanted}.")
    types = request.get("FunctionResponseTypes") or []
    if any(one != "ReportBatchItemFailures" for one in types) or len(types) > 1:
        raise InvalidError(f"FunctionResponseTypes can hold ReportBatchItemFailures only, but is {types}.")
    if request.get("TumblingWindowInSeconds") and (request.get("ParallelizationFactor") or 1) > 1:
        raise InvalidError(
            "TumblingWindowInSeconds and ParallelizationFactor above 1 cannot be combined: a window's state "
            "belongs to a shard."
        )


def require_idle(record: Mapping[str, Any]) -> None:
    """Raise InvalidError while a mapping takes no changes."""
    if record["State"] in IN_USE:
        raise InvalidError(
            f"Cannot update the event source mapping {record['UUID']} because it is in use: its state is "
            f"{record['State']}.",
            "ResourceInUseException",
        )


def require_not_deleting(record: Mapping[str, Any]) -> None:
    """Raise InvalidError when a mapping is being deleted already."""
    if record["State"] == "Deleting":
        raise InvalidError(
            f"Cannot delete the event source mapping {record['UUID']} because it is in use.", "ResourceInUseException"
        )


def require_starting_position(request: Mapping[str, Any], service: str) -> None:
    """Raise InvalidError unless a stream's mapping says where to start, in a way that its source knows."""
    allowed, position = STARTING_POSITIONS[service], request.get("StartingPosition")
    if position is None:
        raise InvalidError(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member "
            "must not be null."
        )
    if position not in allowed:
        raise InvalidError(
            f"Unsupported starting position for event source type: {position}. It must be one of {', '.join(allowed)}."
        )
    timestamp = request.get("StartingPositionTimestamp")
    if (position == "AT_TIMESTAMP") != (timestamp is not None):
        raise InvalidError("StartingPositionTimestamp is needed with StartingPosition AT_TIMESTAMP, and only there.")
    if timestamp is not None and float(timestamp) > time.time():
        raise InvalidError("StartingPositionTimestamp cannot be in the future.")


def _require_in_range(name: str, value: Any, least: int, most: int) -> None:
    if value is None:
        return
    field = name[0].lower() + name[1:]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        bound = (
            f"greater than or equal to {least}"
            if isinstance(value, int) and value < least
            else f"less than or equal to {most}"
        )
        raise InvalidError(
            f"1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: Member must "
            f"have value {bound}",
            "ValidationException",
        )


def _require_no_stream_settings(request: Mapping[str, Any], service: str) -> None:
    given = [name for name in STREAM_ONLY if request.get(name) is not None]
    if given:
        raise InvalidError(f"{given[0]} is for streams only, not for a source of {service}.")
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
    if (request.get("BatchSize") or 0) > 10 and not request.get("MaximumBatchingWindowInSeconds"):
        raise InvalidError(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )


def _require_filters(criteria: Mapping[str, Any] | None) -> None:
    patterns = [one.get("Pattern") for one in (criteria or {}).get("Filters") or []]
    if len(patterns) > MAX_FILTERS:
        raise InvalidError(f"A mapping can have {MAX_FILTERS} filters, but {len(patterns)} are given.")
    for pattern in patterns:
        if pattern is not None and len(pattern) > MAX_PATTERN_CHARACTERS:
            raise InvalidError(
                f"A filter pattern can have {MAX_PATTERN_CHARACTERS} characters, but one has {len(pattern)}."
            )
        problem = filters.problem_of(pattern)
        if problem is not None:
            raise InvalidError(f"Invalid filter pattern definition. {pattern}: {problem}.")


def _require_destination(config: Mapping[str, Any] | None, service: str) -> None:
    arn = ((config or {}).get("OnFailure") or {}).get("Destination")
    if (config or {}).get("OnSuccess", {}).get("Destination"):
        raise InvalidError("Unsupported DestinationConfig parameter for given event source mapping type: OnSuccess.")
    if arn is None:
        return
    if service not in STARTING_POSITIONS:
        raise InvalidError("Unsupported DestinationConfig parameter for given event source mapping type.")
    parts = arn.split(":")
    if len(parts) < 6 or parts[2] not in DESTINATION_SERVICES or arn.endswith(".fifo"):
        raise InvalidError(
            f"The destination ARN {arn} is not that of a standard SQS queue, a standard SNS topic or an S3 bucket."
        )
