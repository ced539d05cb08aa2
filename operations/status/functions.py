"""Looks at functions: whether they can run, and what waits for an outage of their far end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handlers.shared.report import NAMESPACE
from operations.instruments.metrics import Metric, newest
from operations.status.findings import Finding, Place, Resource

GONE = "gone"
# https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html: Inactive ones are made active by an invocation.
GOOD_STATES = ("Active", "Inactive", "Pending")


@dataclass(frozen=True)
class Function:
    """`waiting` is how many records the last batch of the last minutes left waiting, None when there was none."""

    instance: str
    name: str
    state: str
    reserved_concurrency: int | None
    waiting: int | None


def look(place: Place, resources: Sequence[Resource]) -> list[Function]:
    """Raises ClientError."""
    lambda_ = place.client("lambda")
    names = [resource.outputs["name"] for resource in resources]
    waiting = newest(
        place.client("cloudwatch"), [Metric(NAMESPACE, "Waiting", {"FunctionName": name}) for name in names]
    )
    found = []
    for resource, name, count in zip(resources, names, waiting, strict=True):
        try:
            state = lambda_.get_function_configuration(FunctionName=name).get("State", "Active")
            concurrency = lambda_.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions")
        except lambda_.exceptions.ResourceNotFoundException:
            state, concurrency = GONE, None
        found.append(Function(resource.instance, name, state, concurrency, None if count is None else int(count)))
    return found


def decide(place: Place, function: Function) -> Iterator[Finding]:
    """What needs a person."""

    def finding(problem: str, following: str) -> Finding:
        return Finding(function.instance, function.name, problem, following)

    if function.state == GONE:
        yield finding("it is not there any more", f"`pulumi up --refresh --stack {place.stack}` makes it again")
    elif function.state not in GOOD_STATES:
        yield finding(f"it is {function.state}", f"{place.aws(f'lambda get-function --function-name {function.name}')}")
    if function.reserved_concurrency == 0:
        command = place.aws(f"lambda delete-function-concurrency --function-name {function.name}")
        yield finding("it may not run: its reserved concurrency is 0", command)
    if function.waiting:
        yield finding(
            f"{function.waiting} records wait: the far end takes nothing",
            f"{place.aws(f'logs tail /aws/lambda/{function.name} --since 15m')} says why; they go on by themselves",
        )


def line(function: Function) -> str:
    """What was seen, in a line."""
    waiting = "nothing ran lately" if function.waiting is None else f"{function.waiting} waiting"
    return f"{function.name}: {function.state}, {waiting}"
