"""The errors of the handlers, and what each error of an AWS call means for the batch in hand.

Exception
├── SettingsError(ValueError)   the function's environment is incomplete or wrong
└── NotYetError(RuntimeError)   a record has to wait until somebody changes what is deployed
"""

from __future__ import annotations

from enum import Enum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

__all__ = ["CONNECTION_ERRORS", "Cause", "NotYetError", "SettingsError", "cause_of", "cause_of_code", "describe"]


class SettingsError(ValueError):
    """An environment variable is missing or wrong; the message names it and says what would be right."""


class NotYetError(RuntimeError):
    """A record that is sound, and cannot be applied before somebody changes what is deployed: an outage of its own.

    `reason` never quotes the record's own data; `position` is the record's index in the event.
    """

    def __init__(self, reason: str, position: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


class Cause(Enum):
    """Why a call failed, and therefore what to do next. All but RECORD are outages: nothing is wrong with a record."""

    TRANSIENT = "try again with backoff"
    SLOW = "no answer in time: try again with less"
    EXPIRED = "the credentials are no longer valid: try again with new ones"
    RECORD = "one of the records is unacceptable: find it"
    REFUSED = "no call like this one will succeed until somebody changes permissions or resources"


# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
# https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html
# https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
# https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
# https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
_CAUSES = {
    "EC2ThrottledException": Cause.TRANSIENT,
    "InternalError": Cause.TRANSIENT,
    "InternalFailure": Cause.TRANSIENT,
    "InternalServerError": Cause.TRANSIENT,
    "KMSThrottling": Cause.TRANSIENT,
    "KMSThrottlingException": Cause.TRANSIENT,
    "KmsThrottled": Cause.TRANSIENT,
    "LimitExceededException": Cause.TRANSIENT,
    "ProvisionedThroughputExceededException": Cause.TRANSIENT,
    "ReplicatedWriteConflictException": Cause.TRANSIENT,
    "RequestLimitExceeded": Cause.TRANSIENT,
    "RequestThrottled": Cause.TRANSIENT,
    "RequestTimeout": Cause.TRANSIENT,
    "RequestTimeoutException": Cause.TRANSIENT,
    "ServiceUnavailable": Cause.TRANSIENT,
    "ServiceUnavailableException": Cause.TRANSIENT,
    "SlowDown": Cause.TRANSIENT,
    "Throttled": Cause.TRANSIENT,
    "Throttling": Cause.TRANSIENT,
    "ThrottlingException": Cause.TRANSIENT,
    "TooManyRequestsException": Cause.TRANSIENT,
    "ExpiredToken": Cause.EXPIRED,
    "ExpiredTokenException": Cause.EXPIRED,
    "InvalidClientTokenId": Cause.EXPIRED,
    "RequestExpired": Cause.EXPIRED,
    "UnrecognizedClientException": Cause.EXPIRED,
    "BatchRequestTooLong": Cause.RECORD,
    "InvalidArgumentException": Cause.RECORD,
    "InvalidMessageContents": Cause.RECORD,
    "InvalidParameter": Cause.RECORD,
    "InvalidParameterValue": Cause.RECORD,
    "InvalidRequestContentException": Cause.RECORD,
    "ItemCollectionSizeLimitExceededException": Cause.RECORD,
    "ParameterValueInvalid": Cause.RECORD,
    "RequestEntityTooLarge": Cause.RECORD,
    "SerializationException": Cause.RECORD,
    "ValidationException": Cause.RECORD,
}
# Refused, reset, closed, timed out, cut short, or answered by something that is not the service.
CONNECTION_ERRORS = (NoConnectionError, HTTPClientError, IncompleteReadError, ResponseParserError)
_CAUSES_BY_STATUS = {413: Cause.RECORD, 429: Cause.TRANSIENT}
_NO_CREDENTIALS = (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError)


def cause_of(error: Exception) -> Cause:
    """What a failed AWS call means.

    Raises `error` again when it does not come from an AWS call: a mistake in this code must not look like a bad record.
    """
    if isinstance(error, ReadTimeoutError):
        return Cause.SLOW
    if isinstance(error, _NO_CREDENTIALS):
        return Cause.EXPIRED
    # Whatever else keeps a call from being made or answered.
    if isinstance(error, (*CONNECTION_ERRORS, BotoCoreError, OSError)):
        return Cause.TRANSIENT
    if not isinstance(error, ClientError):
        raise error
    return cause_of_code(
        error.response.get("Error", {}).get("Code", ""),
        error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0),
    )


def cause_of_code(code: str, status: int = 0) -> Cause:
    """What an error code means, of a call or of one entry of its answer. `status` is of HTTP; 0 where there is none.

    A code of SQS may have its namespace before it: `AWS.SimpleQueueService.BatchRequestTooLong`.
    """
    name = code.rpartition(".")[2]
    if name in _CAUSES:
        return _CAUSES[name]
    return Cause.TRANSIENT if status >= 500 else _CAUSES_BY_STATUS.get(status, Cause.REFUSED)


def describe(error: Exception) -> str:
    """The error in one line: the operation, and code and message of the service; or the connection's failure."""
    if not isinstance(error, ClientError):
        return f"{type(error).__name__}: {error}"
    answer = error.response.get("Error", {})
    return f"{error.operation_name} was answered {answer.get('Code')}: {answer.get('Message')}"
