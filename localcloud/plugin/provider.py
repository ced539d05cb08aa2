"""The life of a resource, the same for every type: check, diff, create, read, update, delete."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.plugin import checking, configuration, diffing, functions, waiting
from localcloud.plugin.checking import Failure
from localcloud.plugin.cloud import Cloud
from localcloud.plugin.defaults import complete
from localcloud.plugin.diffing import Change
from localcloud.plugin.errors import ConfigurationError, OperationError, PluginError, is_missing
from localcloud.plugin.resource import READY_TIMEOUT_S, Context, Properties, ResourceType
from localcloud.plugin.resources import find
from localcloud.plugin.states import foreseen, inputs_of, is_secret, outputs_of, visible
from localcloud.plugin.tagging import change_tags, live_tags
from localcloud.plugin.values import UNKNOWN, Secret, has_unknown, known, masked, reveal, seal

AUTO_NAMED = "__defaults"  # where the real plugin, too, keeps the names of the inputs that it filled in itself


@dataclass(frozen=True)
class Plan:
    """The outcome of a diff."""

    changes: list[Change]
    delete_first: bool


class HalfMadeError(OperationError):
    """Creation went wrong after there was something to delete: the engine has to know its id."""

    def __init__(self, message: str, resource_id: str, outputs: Properties, inputs: Properties) -> None:
        super().__init__(message)
        self.resource_id = resource_id
        self.outputs = outputs
        self.inputs = inputs


class Provider:
    """One configured provider; every method may be called from several threads at once."""

    def __init__(self) -> None:
        self._cloud: Cloud | None = None
        self._pending = False
        self.cancelled = threading.Event()

    def check_configuration(self, arguments: Mapping[str, Any]) -> list[Failure]:
        """What is wrong with the provider's own inputs."""
        return list(configuration.check(configuration.decode_arguments(arguments)))

    def configure(self, arguments: Mapping[str, Any]) -> None:
        """Connect, and refuse the wrong account.

        Raises
        ------
        ConfigurationError, WrongAccountError
            If nothing can or may be deployed with these arguments.
        """
        decoded = configuration.decode_arguments(arguments)
        failures = list(configuration.check(decoded))
        if failures:
            raise ConfigurationError(" ".join(failure.reason for failure in failures))
        if has_unknown(decoded):  # in a preview: the account itself is still to be made
            self._pending = True
            return
        parsed = configuration.parse(decoded)
        cloud = Cloud(parsed)
        if (
            not (parsed.skip_credentials_validation and parsed.skip_requesting_account_id)
            or parsed.allowed_account_ids
            or parsed.forbidden_account_ids
        ):
            cloud.guard()
        self._cloud = cloud

    @property
    def cloud(self) -> Cloud:
        """The configured cloud."""
        if self._cloud is None:
            raise ConfigurationError("The aws provider's configuration is not known yet, so that AWS cannot be asked.")
        return self._cloud

    def check(
        self, token: str, name: str, olds: Properties, news: Properties, seed: bytes
    ) -> tuple[Properties, list[Failure]]:
        """The inputs with names, tags and defaults filled in, and what is wrong with them."""
        resource = find(token)
        where = f"{resource.title} `{name}`"
        failures = list(checking.check_types(resource.schema.inputs, news, where))
        failures += _unsupported(resource, news, where)
        if failures:
            return news, failures
        tags = self._cloud.configuration.default_tags if self._cloud else {}
        inputs = complete(resource, name, olds, news, seed, tags)
        values = known(reveal(inputs))
        shape = resource.request_shape()
        failures += checking.check_members(resource.schema.inputs, shape, values, resource.names, where)
        failures += checking.check_documents(resource.documents, values, where)
        plain = reveal(inputs)
        failures += [
            Failure(failure.path, f"{where}: {failure.reason}") for rule in resource.rules for failure in rule(plain)
        ]
        return inputs, [Failure(failure.path, masked(failure.reason, inputs)) for failure in failures]

    def diff(self, token: str, olds: Properties, old_inputs: Properties, news: Properties) -> Plan:
        """What an update would change, and whether it takes a new resource."""
        resource = find(token)
        before, after = reveal(old_inputs), reveal(news)
        changes = diffing.compare(resource, before, after, reveal(olds))
        return Plan(changes, resource.deletes_first or _keeps_name(resource, before, after))

    def create(self, urn: str, token: str, inputs: Properties, preview: bool) -> tuple[str, Properties]:
        """Create; the id and the outputs. In a preview, what is not known before is unknown."""
        resource = find(token)
        values = reveal(inputs)
        if preview or self._pending:
            return "", seal(foreseen(resource, values), inputs)
        context = self._context(resource, urn, inputs=values)
        try:
            context.id = resource.create(context)
            state = self._settled(context)
        except (ClientError, BotoCoreError, PluginError) as error:
            message = _message(context, "created", error)
            if not context.id:
                raise OperationError(message) from error
            outputs = seal(outputs_of(context, context.state), inputs)
            raise HalfMadeError(message, context.id, outputs, inputs) from error
        return context.id, seal(outputs_of(context, state), inputs)

    def read(
        self, urn: str, token: str, resource_id: str, state: Properties, inputs: Properties
    ) -> tuple[str, Properties, Properties]:
        """The id, outputs and inputs as AWS has them now; an empty id if it is gone."""
        resource = find(token)
        old = reveal(inputs)
        context = self._context(resource, urn, inputs=old, old=old, state=reveal(state), resource_id=resource_id)
        try:
            live = _live(context)
        except (ClientError, BotoCoreError) as error:
            raise OperationError(_message(context, "read", error)) from error
        if live is None:
            return "", {}, {}
        context.inputs = inputs_of(resource, old, live)
        outputs = seal(outputs_of(context, live), inputs, state)
        sealed = {
            key: inputs[key]
            if key in inputs and old[key] == value
            else Secret(value)
            if is_secret(inputs, key)
            else value
            for key, value in context.inputs.items()
        }
        return context.id, outputs, sealed

    def update(
        self,
        urn: str,
        token: str,
        resource_id: str,
        olds: Properties,
        old_inputs: Properties,
        news: Properties,
        preview: bool,
    ) -> Properties:
        """Bring AWS in line with the new inputs; the outputs."""
        resource = find(token)
        before, after, state = reveal(old_inputs), reveal(news), reveal(olds)
        changes = diffing.compare(resource, before, after, state)
        changed = _names(changes)
        if preview:
            unknown = {name: UNKNOWN for name, causes in resource.volatile.items() if changed & set(causes)}
            return seal({**state, **visible(after), **unknown}, news)
        context = self._context(resource, urn, inputs=after, old=before, state=state, resource_id=resource_id)
        context.changed = changed
        try:
            if not changed:
                _resume(context)
            for update in resource.updates:
                if context.changed & set(update.when):
                    update.apply(context)
            if resource.tagging and "tags" in context.changed:
                change_tags(context, resource.tagging)
            live = self._settled(context)
        except (ClientError, BotoCoreError, PluginError) as error:
            raise OperationError(_message(context, "updated", error)) from error
        return seal(outputs_of(context, live), news)

    def delete(self, urn: str, token: str, resource_id: str, state: Properties, inputs: Properties) -> None:
        """Delete, and wait until it is gone; something that is gone already is no error."""
        resource = find(token)
        old = reveal(inputs) or {
            key: item for key, item in reveal(state).items() if key in resource.schema.inputs.properties
        }
        context = self._context(resource, urn, inputs=old, old=old, state=reveal(state), resource_id=resource_id)
        try:
            resource.delete(context)
        except (ClientError, BotoCoreError, PluginError) as error:
            if not is_missing(error):
                raise OperationError(_message(context, "deleted", error)) from error

    def invoke(self, token: str, arguments: Properties) -> tuple[Properties, list[Failure]]:
        """Call a function such as `aws:index/getCallerIdentity:getCallerIdentity`."""
        return functions.invoke(token, arguments, lambda: self.cloud)

    def _context(
        self, resource: ResourceType, urn: str, *, inputs: Properties, old: Properties | None = None,
        state: Properties | None = None, resource_id: str = "",
    ) -> Context:  # fmt: skip
        return Context(resource, self.cloud, urn, inputs, old or {}, state or {}, resource_id, cancelled=self.cancelled)

    def _settled(self, context: Context) -> Properties:
        """The live state, once AWS shows the resource at all."""
        what = f"{context.resource.title} {context.id} to be there"
        return waiting.until(lambda: _live(context), what, READY_TIMEOUT_S, self.cancelled)


def _live(context: Context) -> Properties | None:
    live = context.resource.read(context)
    if live is not None and context.resource.tagging:
        live["tags"] = live_tags(context, context.resource.tagging, {**live, "id": context.id})
    return live


def _names(changes: list[Change]) -> frozenset[str]:
    return frozenset(diffing.plain(change.path).partition(".")[0] for change in changes)


def _resume(context: Context) -> None:
    """The engine asks for an update without a change when the last one broke off: go on from what AWS has."""
    live = _live(context)
    if live is None:
        raise OperationError("It is no longer there. Run `pulumi refresh`, then deploy again.")
    context.old = inputs_of(context.resource, {}, live)
    context.changed = _names(diffing.compare(context.resource, context.old, context.inputs, live))


def _unsupported(resource: ResourceType, news: Properties, where: str) -> Iterator[Failure]:
    for path in resource.unsupported:
        head = path.split(".")[0]
        if head in news and any(True for _ in _at(news[head], path.split(".")[1:])):
            yield Failure(path, f"The local stand-in for the aws provider cannot do `{path}` of {where}: take it out.")


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    value = reveal(value)
    if not path:
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _at(item, path)
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _keeps_name(resource: ResourceType, before: Properties, after: Properties) -> bool:
    """Whether old and new would have one name, so that the old one has to go first."""
    if resource.name is None:
        return False
    name = resource.name.property
    return name not in after.get(AUTO_NAMED, []) and before.get(name) == after.get(name)


def _message(context: Context, done: str, error: Exception) -> str:
    resource, name = context.resource.title, context.urn.rpartition("::")[2]
    which = f" ({context.id})" if context.id else ""
    where = f"account {context.cloud.account}, {context.region}"
    return f"{resource} `{name}`{which} in {where} could not be {done}: {error}"
