"""The error that each service answers for a fault: code, message and HTTP status, in the protocol of the request.

Codes: the "Errors" section of each operation, e.g.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html,
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html,
https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html,
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.emulator.faults.rules import Call, Rule

Response = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Fault:
    code: str
    message: str
    status: int


_RATE = "Rate exceeded"
_DYNAMODB_RATE = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)

THROTTLES: Mapping[str, Fault] = {
    "dynamodb": Fault("ProvisionedThroughputExceededException", _DYNAMODB_RATE, 400),
    "dynamodbstreams": Fault("LimitExceededException", _RATE, 400),
    "kinesis": Fault("ProvisionedThroughputExceededException", "Rate exceeded for shard", 400),
    "firehose": Fault("ServiceUnavailableException", "Slow down.", 500),
    "lambda": Fault("TooManyRequestsException", "Rate Exceeded.", 429),
    "s3": Fault("SlowDown", "Please reduce your request rate.", 503),
    "sns": Fault("Throttled", _RATE, 429),
    "sqs": Fault("RequestThrottled", "The request was denied due to request throttling.", 400),
    "iam": Fault("Throttling", _RATE, 400),
    "sts": Fault("Throttling", _RATE, 400),
    "monitoring": Fault("Throttling", _RATE, 400),
}
THROTTLE = Fault("ThrottlingException", _RATE, 400)

# Operations on the resource itself, not its data, are limited by other rules than the data is.
CONTROL_THROTTLES: Mapping[str, Fault] = {
    "dynamodb": Fault("ThrottlingException", _RATE, 400),
    "kinesis": Fault("LimitExceededException", _RATE, 400),
    "firehose": Fault("LimitExceededException", _RATE, 400),
}
CONTROL_PREFIXES = (
    "Create",
    "Delete",
    "Describe",
    "List",
    "Update",
    "Tag",
    "Untag",
    "Enable",
    "Disable",
    "Register",
    "Deregister",
)
DATA_OPERATIONS = ("DeleteItem", "UpdateItem", "ListShards")

INTERNAL: Mapping[str, Fault] = {
    "dynamodb": Fault("InternalServerError", "Internal server error", 500),
    "dynamodbstreams": Fault("InternalServerError", "Internal server error", 500),
    "firehose": Fault("ServiceUnavailableException", "Service is unavailable.", 500),
    "lambda": Fault("ServiceException", "The Lambda service encountered an internal error.", 500),
    "s3": Fault("InternalError", "We encountered an internal error. Please try again.", 500),
    "sns": Fault("InternalError", "Internal error", 500),
}
INTERNAL_FAILURE = Fault("InternalFailure", "The request processing has failed because of an unknown error.", 500)


def of_rule(rule: Rule, call: Call) -> Fault:
    """What a `throttle` or `error` means for this call; the rule's own code, message and status come first."""
    fault = _throttle(call) if rule.effect == "throttle" else INTERNAL.get(call.service, INTERNAL_FAILURE)
    return Fault(rule.code or fault.code, rule.message or fault.message, rule.status or fault.status)


def _throttle(call: Call) -> Fault:
    control = call.operation.startswith(CONTROL_PREFIXES) and call.operation not in DATA_OPERATIONS
    if control and call.service in CONTROL_THROTTLES:
        return CONTROL_THROTTLES[call.service]
    return THROTTLES.get(call.service, THROTTLE)


def response(fault: Fault, service: str, headers: Mapping[str, str], request_id: str) -> Response:
    """The fault in the protocol that the request was made in."""
    from ministack.core.iam_actions import access_denied_response

    _, reply_headers, body = access_denied_response(
        service, "", "", request_id, error_code=fault.code, message=fault.message, headers=dict(headers)
    )
    return fault.status, reply_headers, body


def denied(call: Call, action: str, principal: str, headers: Mapping[str, str], request_id: str) -> Response:
    """A refusal by a policy that no test has to write: as of a service control policy."""
    from ministack.core.iam_actions import access_denied_response

    resource = call.resources[0] if call.resources else "*"
    message = (
        f"User: {principal} is not authorized to perform: {action} on resource: {resource} "
        "with an explicit deny in a service control policy"
    )
    status, reply_headers, body = access_denied_response(
        call.service, action, principal, request_id, message=message, headers=dict(headers), resource_arn=resource
    )
    return status, reply_headers, body


def expired(service: str, headers: Mapping[str, str], request_id: str) -> Response:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_roles.html.

    Temporary credentials that have expired.
    """
    from ministack.core.iam_actions import access_denied_response

    message = "The security token included in the request is expired"
    status, reply_headers, body = access_denied_response(
        service, "", "", request_id, error_code="ExpiredTokenException", message=message, headers=dict(headers)
    )
    return status, reply_headers, body
