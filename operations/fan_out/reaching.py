"""Checks before a row is written: is there what it names, and may the platform's functions send there?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from components.fan_out.rows import outside
from handlers.fan_out.mapping import Target
from handlers.fan_out.routes import longest_answer_s
from operations.errors import OperationError
from operations.fan_out.platform import Platform

DENIED = frozenset(("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"))
# How SNS, SQS, and the others say that there is no such thing.
MISSING = frozenset(
    (
        "AWS.SimpleQueueService.NonExistentQueue",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
    )
)
ALLOWED = "allowed"


def check(platform: Platform, target: Target) -> list[str]:
    """Raise OperationError when what a row names is not there or cannot be reached; returns what was not looked at."""
    _check_network(platform, target)
    notes = _check_permission(platform, target)
    return [*notes, *_check_presence(platform, target), *on_the_way(platform, target)]


def on_the_way(platform: Platform, target: Target) -> list[str]:
    """What is peculiar to the way of a target that is right."""
    answer_s, patience_s = target.destination.answer_s(target.address), platform.settings.patience_seconds
    if answer_s is None or answer_s <= longest_answer_s(patience_s):
        return []
    told = (
        f"the function may work for {answer_s} s, which nobody else waits for (`patienceSeconds` is {patience_s}): "
        "everything goes by its backlog, and the drainer invokes it. `answerSeconds` says how long it really takes"
    )
    return [told]


def _check_network(platform: Platform, target: Target) -> None:
    if not_reached := outside(target.row, platform.settings.network):
        raise OperationError(f"--destination: {not_reached}.")
    if target.destination.in_network and platform.settings.network is None:
        raise OperationError(
            f"TYPE {target.row.type}: such a target is reached from inside its network only, and `{platform.function}` "
            f"is in none. Add `network` to `{platform.at.name}` in {platform.file} and type `tributary up "
            f"{platform.at.stack.name}`."
        )


def _check_permission(platform: Platform, target: Target) -> list[str]:
    """Asks IAM whether the functions' roles may assume the row's role, or call the target.

    https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
    """
    row = target.row
    granted = (["sts:AssumeRole"], row.role) if row.role else target.destination.grants(row, target.address)
    if granted is None:
        return []
    actions, arn = granted
    iam = platform.client("iam")
    for role_arn in platform.at.outputs["roleArns"]:
        try:
            answer = iam.simulate_principal_policy(
                PolicySourceArn=role_arn, ActionNames=list(actions), ResourceArns=[arn]
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in DENIED:
                raise
            return [f"whether {role_arn} may reach {arn} was not looked at: {error}"]
        refused = [one["EvalActionName"] for one in answer["EvaluationResults"] if one["EvalDecision"] != ALLOWED]
        if refused:
            raise OperationError(_unreachable(platform, target, role_arn, refused, arn))
    return []


def _unreachable(platform: Platform, target: Target, role_arn: str, actions: Sequence[str], arn: str) -> str:
    name = role_arn.rpartition("/")[2]
    told = f"role {name} of `{platform.function}` may not call {', '.join(actions)} on {arn}"
    where = f"of `{platform.at.name}` in {platform.file} and type `tributary up {platform.at.stack.name}`"
    if target.row.role:
        return f"--destination-role-arn: {told}. Put it, or how such roles begin, under `assumes` {where}."
    account = arn.split(":")[4]
    other = (
        f" It is of account {account}: name a role there by --destination-role-arn, or have it allow this role."
        if account not in ("", platform.at.stack.account_id)
        else ""
    )
    return f"--destination: {told}.{other} Put the ARN, or how such ARNs begin, under `reaches` {where}."


# Type → service, and how to look whether there is what an ARN names. What is not here answers at an endpoint alone.
LOOKS: Mapping[str, tuple[str, Callable[[Any, str], Any]]] = {
    "sqs": ("sqs", lambda sqs, arn: sqs.get_queue_url(QueueName=arn.rpartition(":")[2])),
    "sns": ("sns", lambda sns, arn: sns.get_topic_attributes(TopicArn=arn)),
    "kinesis": ("kinesis", lambda kinesis, arn: kinesis.describe_stream_summary(StreamARN=arn)),
    "firehose": (
        "firehose",
        lambda firehose, arn: firehose.describe_delivery_stream(DeliveryStreamName=arn.rpartition("/")[2]),
    ),
    "lambda": ("lambda", lambda functions, arn: functions.get_function(FunctionName=arn)),
}


def _check_presence(platform: Platform, target: Target) -> list[str]:
    """Looks for what the row names, where it is in the platform's own account."""
    row, account_id = target.row, platform.at.stack.account_id
    granted = target.destination.grants(row, target.address)
    arn = granted[1] if granted else ""
    parts = arn.split(":")
    if row.type not in LOOKS or row.role or parts[4] != account_id:
        return [f"whether {row.destination} is there is for `tributary fanout test --id {row.id}` to show"]
    service, look = LOOKS[row.type]
    try:
        look(platform.client(service, parts[3]), arn)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in DENIED:
            return [f"whether {arn} is there was not looked at: {error}"]
        if code not in MISSING:
            raise
        raise OperationError(
            f"--destination {row.destination}: account {account_id} has no {arn} ({code}). Make it, or name one that "
            "is there; nothing was written."
        ) from None
    return []
