"""What may be a table's streaming destination, and who may make it one.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds_gettingstarted.html
"""

from collections.abc import Mapping
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import error_response_json, get_account_id, get_region

from localcloud.emulator import kinesis
from localcloud.emulator.access.authorization import AccessDenied, require
from localcloud.emulator.access.callers import caller

Answer = tuple[int, dict[str, str], bytes]

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/kds_iam.html
_ENABLING_ACTIONS = ("kinesis:PutRecords", "kinesis:DescribeStream")


def refusal(data: Mapping[str, Any]) -> Answer | None:
    """Why a stream cannot be the destination of a table of the current account and Region; None when it can."""
    stream_arn = str(data.get("StreamArn", ""))
    try:
        spec = parse_arn(stream_arn)
    except ArnParseError:
        return _error("ValidationException", f"Invalid StreamArn: {stream_arn}")
    if (spec.service, spec.account_id, spec.region) != ("kinesis", get_account_id(), get_region()):
        return _error(
            "ValidationException",
            f"The Kinesis stream {stream_arn} must be in the same account and Region as the table "
            f"({get_account_id()}, {get_region()}).",
        )
    try:
        for action in _ENABLING_ACTIONS:
            require(caller(), action, stream_arn, region=spec.region)
    except AccessDenied as denied:
        return _error("AccessDeniedException", str(denied))
    try:
        kinesis.shards(stream_arn)
    except kinesis.StreamNotFoundError:
        return _error(
            "ResourceNotFoundException", f"Requested resource not found: Kinesis stream {stream_arn} not found"
        )
    return None


def _error(code: str, message: str) -> Answer:
    answer: Answer = error_response_json(code, message, 400)
    return answer
