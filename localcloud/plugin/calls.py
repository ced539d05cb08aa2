"""Ready-made functions for entries whose API follows the usual pattern: one call to create, describe or delete."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from localcloud.plugin.errors import is_missing
from localcloud.plugin.resource import Context, Properties


def dig(value: Any, path: str) -> Any:
    """The member at a dotted path, or None."""
    for part in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def given(context: Context, by: Mapping[str, str]) -> dict[str, Any]:
    """Request members from properties: `{"TableName": "name"}`. `id` is the resource's id."""
    known = {**context.state, **context.inputs, "id": context.id, "account": context.cloud.account}
    return {member: known.get(name) for member, name in by.items()}


def creates(operation: str, identity: str) -> Callable[[Context], str]:
    """Create with all inputs that correspond; `identity` is an input, or a dotted path in the answer after a `.`."""

    def create(context: Context) -> str:
        answer = context.call(operation, **context.request(operation))
        found = dig(answer, identity[1:]) if identity.startswith(".") else context.inputs[identity]
        context.id = str(found)
        return context.id

    return create


def describes(
    operation: str,
    by: Mapping[str, str],
    at: str = "",
    then: Callable[[Context, Properties, Any], Properties | None] | None = None,
) -> Callable[[Context], Properties | None]:
    """Describe; `at` is the dotted path of the description.

    `then` gets the properties and the description, and completes the properties, or answers None when the thing
    counts as gone.
    """

    def read(context: Context) -> Properties | None:
        found = or_missing(lambda: context.call(operation, **given(context, by)))
        description = dig(found, at) if found is not None else None
        if isinstance(description, list):
            description = description[0] if description else None
        if description is None:
            return None
        state = context.properties(description)
        return then(context, state, description) if then else state

    return read


def puts(operation: str) -> Callable[[Context], object]:
    """Send everything that corresponds again; for operations that replace the whole."""
    return lambda context: context.call(operation, **context.request(operation))


def deletes(operation: str, by: Mapping[str, str]) -> Callable[[Context], object]:
    """Delete."""
    return lambda context: context.call(operation, **given(context, by))


def or_missing(call: Callable[[], Any]) -> Any:
    """The answer, or None when AWS says that there is no such thing."""
    try:
        return call()
    except ClientError as error:
        if is_missing(error):
            return None
        raise
