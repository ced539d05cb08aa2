"""The IAM action of each Lambda request, by the routes of the API's own model.

The emulator knows a quarter of Lambda's operations and asks for another action, or for none, for the rest: anybody
could change and delete event source mappings.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from localcloud.emulator.patching import replaces

# Operations that are authorized by an action of another name.
AUTHORIZED_AS = {"Invoke": "InvokeFunction", "InvokeWithResponseStream": "InvokeFunction"}


@cache
def _routes() -> list[tuple[str, Any, str, int, dict[str, str]]]:
    from ministack.core import iam_actions

    routes: list[tuple[str, Any, str, int, dict[str, str]]] = iam_actions._load_botocore_routes("lambda")
    return routes


def operation_of(method: str, path: str) -> str | None:
    """The operation of the closest route, None without one; the two that a query alone tells apart have none."""
    path = path.rstrip("/")
    found = [
        (specificity, name)
        for verb, pattern, name, specificity, query in _routes()
        if verb == method and not query and pattern.match(path)
    ]
    return max(found)[1] if found else None


def install() -> None:
    @replaces("ministack.core.iam_actions", "_lambda_action", source="19fa24ebca40")
    def action_of(original: Callable[[str, str], str | None], method: str, path: str) -> str | None:
        operation = operation_of(method, path)
        return AUTHORIZED_AS.get(operation, operation) if operation else original(method, path)
