"""A role given to a service: the caller may pass it (iam:PassRole), and it must trust the service.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region

from localcloud.emulator.access.authorization import AccessDenied, assume, decision, denial_message
from localcloud.emulator.access.callers import caller
from localcloud.emulator.access.request_resources import resource_of
from localcloud.emulator.request_gate import Call, Response, before, json_error


def _role(*fields: str) -> Callable[[Mapping[str, Any]], Iterator[str]]:
    def roles(data: Mapping[str, Any]) -> Iterator[str]:
        return (str(data[field]) for field in fields if data.get(field))

    return roles


def _every_role_arn(value: Any) -> Iterator[str]:
    """Every RoleARN, at any depth: each destination, backup, source and conversion of Firehose has its own."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "RoleARN" and isinstance(inner, str):
                yield inner
            else:
                yield from _every_role_arn(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _every_role_arn(inner)


@dataclass(frozen=True)
class Passing:
    """An action that passes roles: to which service principal, which ones, and how a role without trust is refused.

    `untrusted` is the error code and message, `{}` standing for the role; None where the service finds out later.
    """

    service: str
    roles: Callable[[Mapping[str, Any]], Iterator[str]]
    untrusted: tuple[str, str] | None = None


_LAMBDA = Passing(
    "lambda.amazonaws.com",
    _role("Role"),
    ("InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."),
)
_FIREHOSE = Passing(
    "firehose.amazonaws.com",
    _every_role_arn,
    ("InvalidArgumentException", "Firehose is unable to assume role {}. Please check the role provided."),
)

_NOT_STATES = (
    "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the "
    "provided role."
)
_STATES = Passing("states.amazonaws.com", _role("roleArn"), ("AccessDeniedException", _NOT_STATES))

# https://docs.aws.amazon.com/service-authorization/latest/reference/ lists iam:PassRole under the dependent actions of
# each.
_PASSING = {
    "firehose:CreateDeliveryStream": _FIREHOSE,
    "firehose:UpdateDestination": _FIREHOSE,
    "lambda:CreateFunction": _LAMBDA,
    "lambda:UpdateFunctionConfiguration": _LAMBDA,
    "logs:PutSubscriptionFilter": Passing("logs.amazonaws.com", _role("roleArn")),
    "pipes:CreatePipe": Passing("pipes.amazonaws.com", _role("RoleArn")),
    "pipes:UpdatePipe": Passing("pipes.amazonaws.com", _role("RoleArn")),
    "scheduler:CreateSchedule": Passing(
        "scheduler.amazonaws.com", lambda data: _role("RoleArn")(data.get("Target") or {})
    ),
    "states:CreateStateMachine": _STATES,
    "states:UpdateStateMachine": _STATES,
}


def _source_arn(call: Call) -> str | None:
    """The resource that the service will act for: aws:SourceArn when it assumes the role."""
    here = f"{get_region()}:{get_account_id()}"
    if call.service == "states":
        return str(call.data.get("stateMachineArn") or f"arn:aws:states:{here}:stateMachine:{call.data.get('name')}")
    if call.service == "firehose":
        return f"arn:aws:firehose:{here}:deliverystream/{call.data.get('DeliveryStreamName')}"
    return None


def _refusal(call: Call, passing: Passing, role_arn: str) -> Response | None:
    session = caller()
    if role_arn.count(":") >= 5 and role_arn.split(":")[4] != session.account_id:
        return json_error("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    context = {"iam:PassedToService": passing.service, "iam:AssociatedResourceArn": resource_of(call)}
    decided = decision(session, "iam:PassRole", role_arn, context)
    if not decided.allowed:
        message = denial_message(session.arn, "iam:PassRole", role_arn, decided.reason)
        return json_error("AccessDeniedException", message, 403)
    if passing.untrusted is None:
        return None
    try:
        assume(role_arn, passing.service, "check", source_arn=_source_arn(call))
    except AccessDenied:
        code, message = passing.untrusted
        return json_error(code, message.format(role_arn))
    return None


def install() -> None:
    """Check every role that is passed to a service."""

    @before("firehose", "lambda", "logs", "pipes", "scheduler", "states")
    def pass_only_what_may_be_passed(call: Call) -> Response | None:
        passing = _PASSING.get(call.action)
        if passing is None:
            return None
        refusals = (_refusal(call, passing, role_arn) for role_arn in dict.fromkeys(passing.roles(call.data)))
        return next((refusal for refusal in refusals if refusal is not None), None)
