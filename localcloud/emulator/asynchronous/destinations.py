"""Sends what became of an event to destinations and the dead-letter queue, as the function's execution role.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import new_uuid

from localcloud.emulator import eventloop, faults, metrics
from localcloud.emulator.access.authorization import AccessDenied, Session, assume, require
from localcloud.emulator.asynchronous.records import Ended, dead_letter_of, document_of, object_key
from localcloud.emulator.asynchronous.settings import Settings
from localcloud.emulator.queues.messages import Message, RefusedError
from localcloud.emulator.queues.sending import put
from localcloud.emulator.storage import StorageError, put_object

Invoke = Callable[[str, Any], bool]

# What the execution role needs for each kind of destination.
ACTIONS = {
    "events": "events:PutEvents",
    "lambda": "lambda:InvokeFunction",
    "s3": "s3:PutObject",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
}
LAMBDA = "lambda.amazonaws.com"

_logger = logging.getLogger(__name__)


class NotSentError(Exception):
    """The destination did not take the record; the message says why."""


def tell(ended: Ended, settings: Settings, invoke: Invoke) -> None:
    """Send the record to the destination of the outcome, and a dead letter of a failure as well.

    `invoke` hands an event to a function, asynchronously; it returns False when there is no such function.

    What cannot be sent is lost, and counted: DestinationDeliveryFailures, DeadLetterErrors.
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """

    def record(session: Session, arn: str) -> None:
        _record(session, arn, ended, document_of(ended, datetime.now(UTC)), invoke)

    def dead_letter(session: Session, arn: str) -> None:
        _text(session, arn, *dead_letter_of(ended))

    destination_arn = settings.on_success_arn if ended.succeeded else settings.on_failure_arn
    _send(destination_arn, settings, ended, "DestinationDeliveryFailures", record)
    if not ended.succeeded:
        _send(settings.dead_letter_arn, settings, ended, "DeadLetterErrors", dead_letter)


def _send(
    arn: str | None, settings: Settings, ended: Ended, failure_metric: str, send: Callable[[Session, str], None]
) -> None:
    if not arn:
        return
    name, account_id, region = (ended.function_arn.split(":")[part] for part in (6, 4, 3))
    try:
        send(assume(settings.role_arn, LAMBDA, name, ended.function_arn), arn)
    except (AccessDenied, NotSentError, StorageError, RefusedError, faults.InjectedFaultError) as error:
        _logger.warning("%s: nothing was sent to %s: %s", ended.function_arn, arn, error)
        metrics.put(account_id, region, "AWS/Lambda", failure_metric, 1.0, "Count", {"FunctionName": name})


def _record(session: Session, arn: str, ended: Ended, document: Mapping[str, Any], invoke: Invoke) -> None:
    service, now = _service(arn), datetime.now(UTC)
    match service:
        case "sqs" | "sns":
            _text(session, arn, json.dumps(document), {})
        case "lambda":
            _to_function(session, arn, document, invoke)
        case "events":
            _to_bus(session, arn, ended, document)
        case "s3":
            bucket, region = arn.split(":::", 1)[-1], ended.function_arn.split(":")[3]
            key = object_key(ended, now, new_uuid())
            put_object(session, bucket, key, json.dumps(document).encode(), key_arn=None, region=region)
        case _:
            raise NotSentError(f"{arn} is no destination")


def _text(session: Session, arn: str, body: str, attributes: Mapping[str, Mapping[str, str]]) -> None:
    """To a queue or a topic."""
    from ministack.services import sns, sqs

    service, account_id, region = _service(arn), arn.split(":")[4], arn.split(":")[3]
    require(session, ACTIONS[service], arn)
    faults.check(session.account_id, service, ACTIONS[service].partition(":")[2], arn)

    async def to_queue() -> None:
        queue = sqs._queue_by_arn(arn)
        if queue is None or queue["is_fifo"]:
            raise NotSentError(f"{arn} is no standard queue")
        put(queue, Message(body, attributes))

    async def to_topic() -> None:
        try:
            published = sns.publish_internal(arn, body, message_attributes=dict(attributes))
        except sns.SnsPublishError as error:
            raise NotSentError(str(error)) from None
        if published is None:
            raise NotSentError(f"{arn} does not exist")

    eventloop.call({"sqs": to_queue, "sns": to_topic}[service], account_id, region)


def _to_function(session: Session, arn: str, document: Mapping[str, Any], invoke: Invoke) -> None:
    require(session, ACTIONS["lambda"], arn)
    if not invoke(arn, document):
        raise NotSentError(f"{arn} does not exist")


def _to_bus(session: Session, arn: str, ended: Ended, document: Mapping[str, Any]) -> None:
    from ministack.services import eventbridge

    require(session, ACTIONS["events"], arn)
    outcome = "Success" if ended.succeeded else "Failure"
    entry = {
        "EventBusName": arn.rpartition("/")[2],
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {outcome}",
        "Resources": [arn, document["requestContext"]["functionArn"]],
        "Detail": json.dumps(document),
    }

    async def put_event() -> None:
        _, _, body = eventbridge._put_events({"Entries": [entry]})
        if json.loads(body).get("FailedEntryCount"):
            raise NotSentError(f"{arn} did not take the event")

    eventloop.call(put_event, arn.split(":")[4], arn.split(":")[3])


def _service(arn: str) -> str:
    try:
        return str(parse_arn(arn).service)
    except ArnParseError:
        raise NotSentError(f"{arn} is no ARN") from None
