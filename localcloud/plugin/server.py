"""The gRPC face of the plugin: the engine's `ResourceProvider` protocol over a `Provider`.

Every call runs in a thread of its own, so that one that waits for AWS holds up no other; how many run at once is the
engine's decision (`pulumi up --parallel`).
"""

# ruff: noqa: N802 -- the methods have the names of the protocol's calls

import sys
import traceback
from collections.abc import Callable, Iterable
from concurrent import futures
from typing import Any, TypeVar

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import empty_pb2

from localcloud.engine.protocol import CHANNEL_OPTIONS, plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from localcloud.plugin.checking import Failure
from localcloud.plugin.diffing import Change, Kind
from localcloud.plugin.errors import PluginError
from localcloud.plugin.provider import HalfMadeError, Plan, Provider
from localcloud.plugin.values import decode_properties, encode_properties

# The engine's default parallelism is four times the number of cores; calls beyond this wait their turn.
_THREADS = 64

Answer = TypeVar("Answer")

_KINDS = {
    (Kind.ADD, False): provider_pb2.PropertyDiff.ADD,
    (Kind.ADD, True): provider_pb2.PropertyDiff.ADD_REPLACE,
    (Kind.DELETE, False): provider_pb2.PropertyDiff.DELETE,
    (Kind.DELETE, True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    (Kind.UPDATE, False): provider_pb2.PropertyDiff.UPDATE,
    (Kind.UPDATE, True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Translates between the protocol and the `Provider`."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._provider = Provider()

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:
        return provider_pb2.GetSchemaResponse(schema=f'{{"name": "aws", "version": "{self._version}"}}')

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:
        self._provider.cancelled.set()
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        failures = _guarded(context, lambda: self._provider.check_configuration(decode_properties(request.news)))
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(failures))

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:
        old, new = decode_properties(request.old_inputs or request.olds), decode_properties(request.news)
        changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        # As in the real plugin, a new Region means new resources, since nothing can move to it.
        replaces = [name for name in changed if name == "region" and name in old]
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some if changed else none, diffs=changed, replaces=replaces)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        _guarded(context, lambda: self._provider.configure(decode_properties(request.args)))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True, acceptResources=True)

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        inputs, failures = _guarded(
            context,
            lambda: self._provider.check(
                _type(request),
                _name(request),
                decode_properties(request.olds),
                decode_properties(request.news),
                request.randomSeed,
            ),
        )
        return provider_pb2.CheckResponse(inputs=encode_properties(inputs), failures=_failures(failures))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        plan = _guarded(
            context,
            lambda: self._provider.diff(
                _type(request),
                decode_properties(request.olds),
                decode_properties(request.old_inputs),
                decode_properties(request.news),
            ),
        )
        return _diff_response(plan)

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        identity, outputs = _guarded(
            context,
            lambda: self._provider.create(
                request.urn, _type(request), decode_properties(request.properties), request.preview
            ),
        )
        return provider_pb2.CreateResponse(id=identity, properties=encode_properties(outputs))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        identity, outputs, inputs = _guarded(
            context,
            lambda: self._provider.read(
                request.urn,
                _type(request),
                request.id,
                decode_properties(request.properties),
                decode_properties(request.inputs),
            ),
        )
        return provider_pb2.ReadResponse(
            id=identity, properties=encode_properties(outputs), inputs=encode_properties(inputs)
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        outputs = _guarded(
            context,
            lambda: self._provider.update(
                request.urn,
                _type(request),
                request.id,
                decode_properties(request.olds),
                decode_properties(request.old_inputs),
                decode_properties(request.news),
                request.preview,
            ),
        )
        return provider_pb2.UpdateResponse(properties=encode_properties(outputs))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        _guarded(
            context,
            lambda: self._provider.delete(
                request.urn,
                _type(request),
                request.id,
                decode_properties(request.properties),
                decode_properties(request.old_inputs),
            ),
        )
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        answer, failures = _guarded(
            context, lambda: self._provider.invoke(request.tok, decode_properties(request.args))
        )
        return provider_pb2.InvokeResponse(**{"return": encode_properties(answer), "failures": _failures(failures)})


def _type(request: Any) -> str:
    """The resource type: `urn:pulumi:stack::project::parent$type::name` holds it where older engines leave it out."""
    return str(request.type or request.urn.split("::")[2].rpartition("$")[2])


def _name(request: Any) -> str:
    return str(request.name or request.urn.split("::", 3)[3])


def _failures(failures: Iterable[Failure]) -> list[Any]:
    return [provider_pb2.CheckFailure(property=failure.path, reason=failure.reason) for failure in failures]


def _diff_response(plan: Plan) -> Any:
    some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=some if plan.changes else none,
        diffs=sorted({_top(change) for change in plan.changes}),
        replaces=sorted({_top(change) for change in plan.changes if change.replace}),
        deleteBeforeReplace=plan.delete_first,
        detailedDiff={
            change.path: provider_pb2.PropertyDiff(kind=_KINDS[change.kind, change.replace], inputDiff=True)
            for change in plan.changes
        },
        hasDetailedDiff=True,
    )


def _top(change: Change) -> str:
    return change.path.partition(".")[0].partition("[")[0]


def _guarded(context: grpc.ServicerContext, work: Callable[[], Answer]) -> Answer:
    """The result of `work`, or an answer to the engine that says what went wrong, without a traceback for the user."""
    try:
        return work()
    except HalfMadeError as error:
        _abort_half_made(context, error)
    except (PluginError, ClientError, BotoCoreError, LookupError, ValueError) as error:
        if not isinstance(error, PluginError):
            traceback.print_exc(file=sys.stderr)
        context.abort(grpc.StatusCode.UNKNOWN, str(error))
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        context.abort(
            grpc.StatusCode.INTERNAL, f"The aws plugin failed unexpectedly: {error!r}. Its log has the traceback."
        )
    raise AssertionError("unreachable: the call was aborted")


def _abort_half_made(context: grpc.ServicerContext, error: HalfMadeError) -> None:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.resource_id,
        properties=encode_properties(error.outputs),
        inputs=encode_properties(error.inputs),
        reasons=[str(error)],
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error))
    status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, str(error))


def serve(version: str) -> None:
    """Listen on a free port, tell it on standard output, and serve until the engine ends this process."""
    server = grpc.server(futures.ThreadPoolExecutor(_THREADS), options=CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(version), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
