"""Metrics and the CloudWatch error log of a delivery stream.

https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html
"""

import json
import logging
import time

from localcloud.emulator import eventloop, metrics
from localcloud.emulator.access.authorization import Session, allowed
from localcloud.emulator.firehose.destinations import LogTarget
from localcloud.emulator.firehose.errors import DeliveryError
from localcloud.emulator.firehose.identity import Identity

logger = logging.getLogger(__name__)

NAMESPACE = "AWS/Firehose"


def measure(stream: Identity, values: dict[str, float], unit: str = "Count") -> None:
    """Record data points of the stream's metrics, all in one unit."""
    for name, value in values.items():
        metrics.put(stream.account_id, stream.region, NAMESPACE, name, value, unit, {"DeliveryStreamName": stream.name})


def log_error(
    stream: Identity,
    session: Session | None,
    target: LogTarget | None,
    error: DeliveryError,
    *,
    destination_arn: str,
    version: int,
    processor: str | None = None,
) -> None:
    """Write an error to the stream's log, if it has one, the group and stream exist and the role has
    logs:PutLogEvents.
    """
    logger.info("Firehose %s: %s: %s", stream.arn, error.code, error.message)
    if target is None or session is None:
        return
    log_arn = f"arn:aws:logs:{stream.region}:{stream.account_id}:log-group:{target.group}:log-stream:{target.stream}"
    if not allowed(session, "logs:PutLogEvents", log_arn, region=stream.region):
        return
    entry = {
        "deliveryStreamARN": stream.arn,
        "destination": destination_arn,
        "deliveryStreamVersionId": version,
        "message": error.message,
        "errorCode": error.code,
        **({"processor": processor} if processor else {}),
    }
    event = {"timestamp": int(time.time() * 1000), "message": json.dumps(entry)}

    async def put() -> None:
        from ministack.services import cloudwatch_logs

        cloudwatch_logs._put_log_events(
            {"logGroupName": target.group, "logStreamName": target.stream, "logEvents": [event]}
        )

    eventloop.call(put, stream.account_id, stream.region)
