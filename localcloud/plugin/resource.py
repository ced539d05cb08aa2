"""What the plugin knows of a resource type, in one declarative entry, and what its functions get to work with."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlencode

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import StructureShape

from localcloud.plugin import mapping, waiting
from localcloud.plugin.checking import Failure
from localcloud.plugin.cloud import Cloud
from localcloud.plugin.errors import code_of, is_missing
from localcloud.plugin.mapping import Names
from localcloud.plugin.models import service_model
from localcloud.plugin.naming import Name
from localcloud.plugin.schema import ResourceSchema, resource_schema

Properties = dict[str, Any]

# AWS's own waiters take up to 10 minutes for the resources used here.
READY_TIMEOUT_S = 600.0
# IAM is eventually consistent: "changes ... might take ... to propagate"
# (https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency).
TRANSIENT_TIMEOUT_S = 60.0
READING = ("Get", "Describe", "List", "Head")


@dataclass(frozen=True)
class Transient:
    """An error that passes by itself: its code, and a part of its message."""

    code: str
    message: str = ""

    def matches(self, error: ClientError) -> bool:
        """Whether `error` is of this kind."""
        return code_of(error) == self.code and self.message in str(error)


@dataclass(frozen=True)
class Tagging:
    """How tags are changed after creation: operations, and the parameter that says whose tags.

    `by` is the output that holds the value of that parameter; `item` is true where it takes a list; `fixed` are
    parameters that are the same for every resource of the type.
    """

    parameter: str
    by: str = "arn"
    tag: str = "TagResource"
    untag: str = "UntagResource"
    listing: str | None = "ListTagsForResource"
    service: str | None = None
    item: bool = False
    fixed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Update:
    """`apply` brings AWS in line when one of the top-level properties `when` has changed."""

    when: tuple[str, ...]
    apply: Callable[["Context"], object]


Rule = Callable[[Mapping[str, Any]], Iterator[Failure]]


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One entry of the table. Property paths are Pulumi's, dotted, without list indexes.

    Parameters
    ----------
    token, service
        The type, e.g. `aws:kinesis/stream:Stream`, and botocore's name of its service.
    operation
        The API operation whose request the inputs correspond with; botocore's model of it checks their values.
    within
        The member of that request which holds the properties, where it is not the request itself.
    create
        Creates, and returns the id; it sets `context.id` as soon as there is something to delete.
    read
        The live inputs and outputs by Pulumi name, or None when it is gone.
    delete
        Deletes; may return before it is gone when `read` tells.
    updates
        What to call for which changed properties.
    names
        Where Pulumi's and AWS's names differ (see `mapping`).
    immutable
        Properties that can only be changed by replacing the resource.
    defaults
        What the real plugin and AWS take when a property is not given; nested ones apply where their parent is given.
    computed
        Properties that AWS fills in when they are not given: their absence changes nothing.
    told_as
        Properties that the real plugin reads back in another form than they are given, and how: a value in that other
        form is a change.
    write_only
        Properties that AWS never tells (`forceDestroy`, code): read keeps what is known of them.
    documents
        Properties that hold JSON; compared by meaning.
    unordered
        Lists whose order says nothing.
    case_insensitive
        Texts whose case says nothing.
    unsupported
        Properties of the real resource that this plugin refuses.
    name
        How a physical name is made when none is given.
    tagging
        How tags are changed; None if the type has none.
    rules
        Checks beyond types and botocore's models.
    volatile
        Outputs that an update of one of the named inputs makes unknown until it is done.
    transient
        Errors of `create` and `updates` that are tried again for a bounded time.
    deletes_first
        True where AWS cannot hold old and new at once.
    """

    token: str
    service: str
    operation: str
    create: Callable[["Context"], str]
    read: Callable[["Context"], Properties | None]
    delete: Callable[["Context"], object]
    within: str = ""
    updates: tuple[Update, ...] = ()
    names: Names = field(default_factory=dict)
    immutable: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    computed: tuple[str, ...] = ()
    told_as: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    write_only: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    unordered: tuple[str, ...] = ()
    case_insensitive: tuple[str, ...] = ()
    unsupported: tuple[str, ...] = ()
    name: Name | None = None
    tagging: Tagging | None = None
    rules: tuple[Rule, ...] = ()
    volatile: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    transient: tuple[Transient, ...] = ()
    deletes_first: bool = False

    @property
    def schema(self) -> ResourceSchema:
        """What `pulumi_aws` declares."""
        return resource_schema(self.token)

    @property
    def title(self) -> str:
        """The type as people say it, e.g. `aws.kinesis.Stream`."""
        module, _, name = self.token.removeprefix("aws:").rpartition(":")
        return f"aws.{module.split('/')[0]}.{name}"

    def request_shape(self, operation: str | None = None, service: str | None = None) -> StructureShape:
        """Botocore's model of an operation's request, by default of the one that creates."""
        model = service_model(service or self.service).operation_model(operation or self.operation)
        shape: mapping.Shape = model.input_shape
        if shape is None:
            raise LookupError(f"The operation {model.name} takes no input.")
        if operation is None and self.within:
            shape = shape.members[self.within]
        return cast(StructureShape, shape.member if shape.type_name == "list" else shape)

    def is_immutable(self, path: str) -> bool:
        """Whether a change of `path` means a new resource."""
        return any(path == fixed or path.startswith(f"{fixed}.") for fixed in (*self.immutable, "region"))

    def nested_defaults(self, path: str) -> Mapping[str, Any]:
        """The defaults of the members of the object at `path`, by member name."""
        start = f"{path}."
        return {
            key.removeprefix(start): value
            for key, value in self.defaults.items()
            if key.startswith(start) and "." not in key.removeprefix(start)
        }


@dataclass
class Context:
    """One resource in one call of the engine.

    `inputs` and `old` are the checked inputs now and before, in the clear; `state` are the outputs before;
    `changed` are the names of the changed top-level inputs.
    """

    resource: ResourceType
    cloud: Cloud
    urn: str
    inputs: Properties
    old: Properties = field(default_factory=dict)
    state: Properties = field(default_factory=dict)
    id: str = ""
    changed: frozenset[str] = frozenset()
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def region(self) -> str:
        """Where the resource is: its own `region`, or else the provider's."""
        return str(self.inputs.get("region") or self.state.get("region") or self.cloud.region)

    def arn(self, service: str, rest: str) -> str:
        """An ARN in this account and Region."""
        return f"arn:{self.cloud.partition}:{service}:{self.region}:{self.cloud.account}:{rest}"

    def call(self, operation: str, *, via: str | None = None, **request: Any) -> dict[str, Any]:
        """Call an API operation; members that are None are left out. Errors that pass by themselves are waited out.

        What a read does not find is not waited for: it was deleted, by an interrupted deployment or by others.
        """
        client = self.cloud.client(via or self.resource.service, self.region)
        method = getattr(client, xform_name(operation))
        request = {key: value for key, value in request.items() if value is not None}
        refused: list[ClientError] = []

        def attempt() -> dict[str, Any] | None:
            try:
                return dict(method(**request))
            except ClientError as error:
                gone = is_missing(error) and operation.startswith(READING)
                if gone or not any(transient.matches(error) for transient in self.resource.transient):
                    raise
                refused.append(error)
                return None

        try:
            return waiting.until(attempt, operation, TRANSIENT_TIMEOUT_S, self.cancelled)
        except Exception:
            if refused and not self.cancelled.is_set():
                raise refused[-1] from None
            raise

    def request(self, operation: str | None = None, only: frozenset[str] | set[str] | None = None) -> dict[str, Any]:
        """The request members of an operation for all inputs, or for those named in `only`."""
        shape = self.resource.request_shape(operation)
        values = {key: value for key, value in self.inputs.items() if only is None or key in only}
        values.pop("region", None)
        request = mapping.to_request(self.resource.schema.inputs, shape, values, self.resource.names)
        tags = self.inputs.get("tags")
        if tags and only is None:
            request |= tag_request(shape, tags)
        return request

    def properties(self, response: Mapping[str, Any]) -> Properties:
        """The properties that a description tells."""
        schema = self.resource.schema
        kinds = {**schema.outputs, **schema.inputs.properties}
        return mapping.from_response(kinds, response, self.resource.names)

    def wait(self, look: Callable[[], Any], what: str, timeout_s: float = READY_TIMEOUT_S) -> Any:
        """The first result of `look` that is not None (see `waiting.until`)."""
        return waiting.until(look, what, timeout_s, self.cancelled)


def tag_request(shape: StructureShape, tags: Mapping[str, str]) -> dict[str, Any]:
    """The member of a request that carries tags, in the form that its service wants."""
    name = next((member for member in shape.members if member.lower() in ("tags", "taglist", "tagstoadd")), None)
    if name is None:
        return {}
    kind: mapping.Shape = shape.members[name]
    if kind.type_name == "map":
        return {name: dict(tags)}
    if (
        kind.type_name == "string"
    ):  # of a header, as https://docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html
        return {name: urlencode(tags)}
    key, value = kind.member.members
    return {name: [{key: label, value: text} for label, text in tags.items()]}
