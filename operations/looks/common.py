"""What a look is, and the plain one: by one call."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from operations.access import Account

Inputs = Mapping[str, Any]
# The id of a resource that was to be made with these inputs, as `pulumi import` takes it; an error or None: not there.
Look = Callable[[Account, Inputs], str | None]


def by(service: str, operation: str, setting: str = "name", *path: str, **parameters: str) -> Look:
    """A look by one call: `parameters` are its parameters by the inputs' names; the id is at `path` of the answer.

    Without a path the id is the input `setting`.
    """

    def look(account: Account, inputs: Inputs) -> str | None:
        request = {parameter: inputs[name] for parameter, name in parameters.items()}
        answer: Any = getattr(account.client(service), operation)(**request)
        for step in path:
            answer = answer[step]
        return str(answer if path else inputs[setting])

    return look


def first(found: Iterable[str]) -> str | None:
    """The first of those that were found, if any."""
    return next(iter(found), None)
