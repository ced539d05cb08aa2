"""What becomes of the events with which Lambda functions are invoked: asynchronous ones, and those in a loop."""

from localcloud.plugin.calls import or_missing
from localcloud.plugin.resource import Context, Properties, ResourceType, Transient, Update


def _create(context: Context) -> str:
    _put(context)
    function, qualifier = context.inputs["functionName"], context.inputs.get("qualifier")
    context.id = f"{function}:{qualifier}" if qualifier else str(function)
    return context.id


def _put(context: Context) -> None:
    context.call("PutFunctionEventInvokeConfig", **context.request())


def _function(context: Context) -> dict[str, str | None]:
    """The function and its qualifier; of an import they are in the id, whose function may be an ARN."""
    head, _, name = context.id.rpartition(":function:")
    function, _, qualifier = name.partition(":")
    return {"FunctionName": f"{head}:function:{function}" if head else function, "Qualifier": qualifier or None}


def _read(context: Context) -> Properties | None:
    function = _function(context)
    found = or_missing(lambda: context.call("GetFunctionEventInvokeConfig", **function))
    if found is None:
        return None
    known = {"functionName": function["FunctionName"], "qualifier": function["Qualifier"]}
    state = {**context.properties(found), **known}
    # Lambda answers with an empty destination where none was given.
    if not any((state.get("destinationConfig") or {}).values()):
        state.pop("destinationConfig", None)
    return {name: value for name, value in state.items() if value is not None}


def _delete(context: Context) -> None:
    context.call("DeleteFunctionEventInvokeConfig", **_function(context))


def _put_recursion(context: Context) -> str:
    context.call("PutFunctionRecursionConfig", **context.request())
    context.id = str(context.inputs["functionName"])
    return context.id


def _read_recursion(context: Context) -> Properties | None:
    found = or_missing(lambda: context.call("GetFunctionRecursionConfig", FunctionName=context.id))
    return None if found is None else {**context.properties(found), "functionName": context.id}


def _reset_recursion(context: Context) -> None:
    """A function always has a configuration; this is what it has when nothing was said."""
    context.call("PutFunctionRecursionConfig", FunctionName=context.id, RecursiveLoop="Terminate")


RESOURCES = (
    ResourceType(
        token="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        service="lambda",
        operation="PutFunctionEventInvokeConfig",
        create=_create,
        read=_read,
        delete=_delete,
        updates=(Update(("destinationConfig", "maximumEventAgeInSeconds", "maximumRetryAttempts"), _put),),
        immutable=("functionName", "qualifier"),
        defaults={"maximumRetryAttempts": 2},
        transient=(Transient("ResourceConflictException", "in progress"),),
    ),
    ResourceType(
        token="aws:lambda/functionRecursionConfig:FunctionRecursionConfig",
        service="lambda",
        operation="PutFunctionRecursionConfig",
        create=_put_recursion,
        read=_read_recursion,
        delete=_reset_recursion,
        updates=(Update(("recursiveLoop",), _put_recursion),),
        immutable=("functionName",),
        transient=(Transient("ResourceConflictException", "in progress"),),
    ),
)
