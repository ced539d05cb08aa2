"""What the parts of the fan-out platform say to each other.

The way of the data: records -> messages of a target (rendering) -> units (packing) -> calls (delivery) -> what was
refused. A destination knows nothing of records, lanes or time; the rest knows nothing of services.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from handlers.shared.clients import Renewable
from handlers.shared.errors import Cause

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["Access", "Destination", "Limits", "Message", "Refused", "Send", "Unit", "WrongRowError"]


class WrongRowError(ValueError):
    """A row of the mapping table that cannot be followed: the message names the option and says what would be right."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


class Message(NamedTuple):
    """What a target gets of a record, or of one record of an aggregate.

    `key` is the partition key: messages with one key have an order. `id` tells the message from every other of its
    source, the same each time that the record is read: `<shard>:<sequence number>`, in an aggregate with a dot and the
    index behind it. `position` is the record's index in its event, `part` the index in its aggregate.
    """

    position: int
    part: int | None
    key: str
    id: str
    data: bytes


class Unit(NamedTuple):
    """What counts as one for a service: a message, or several that were joined (`collapse`)."""

    body: bytes
    messages: tuple[Message, ...]

    @property
    def key(self) -> str:
        """The partition key of the first message."""
        return self.messages[0].key

    @property
    def id(self) -> str:
        """The identity of the first message."""
        return self.messages[0].id


class Limits(NamedTuple):
    """What a service takes: units in a call, bytes in a call, bytes of a unit; `overhead` gives the bytes that a unit
    counts beside its body (its key, say)."""

    call_units: int
    call_bytes: int
    unit_bytes: int
    overhead: Callable[[Unit], int] = lambda _unit: 0


class Refused(NamedTuple):
    """A unit that a call did not deliver. Cause.RECORD: it never will be; every other cause is an outage."""

    unit: Unit
    cause: Cause
    reason: str


# One call: delivers units in their order, returns those that were not taken (none: all are durable at the target).
# Raises what the client raises, for the call as a whole.
Send = Callable[[Sequence[Unit]], Sequence[Refused]]


class Access(NamedTuple):
    """How a destination gets to its service, in the name of the row's role where it has one (handlers.fan_out.access).

    Attributes
    ----------
    client
        `client(service, region, endpoint)` is a boto3 client; Region and endpoint (a URL) may be left out. One for each
        role, external id, Region, service and endpoint.
    kept
        `kept(key, make)` is what `make` makes of the identity's botocore session, once for a key: for services that
        boto3 has no client for.
    connections
        How many calls may be under way at once.
    answer_s
        How many seconds to wait for an answer.
    secret
        The text of the secret of an ARN.
    account
        The account of the function itself.
    """

    client: Callable[..., Renewable]
    kept: Callable[[Hashable, Callable[[Any], Any]], Renewable]
    connections: int
    answer_s: float
    secret: Callable[[str], str]
    account: Callable[[], str]


class Destination(NamedTuple):
    """A kind of target: one row of the table in handlers/fan_out/destinations.

    Attributes
    ----------
    parse
        What the row's `destination` and options say, in the form that `open` takes. Raises WrongRowError.
    open
        Makes the function that makes calls. Connects to nothing before its first call.
    limits
        What a call takes, for this address.
    ordered
        Whether the target keeps an order itself (FIFO), so that `order` is by partition key unless the row says
        otherwise.
    takes_records
        Whether a message is the whole record as Lambda passes it, and not its data.
    collapses
        Whether several messages can become one unit.
    in_network
        Whether it can be reached only from inside a network.
    answer_s
        Seconds that the target's own work may take until it answers; None where only an ill one takes long.
    grants
        What the role has to be allowed for this address: actions and ARN (None where the policy of a network decides).
    """

    parse: Callable[[Row], Any]
    open: Callable[[Row, Any, Access], Send]
    limits: Callable[[Any], Limits]
    grants: Callable[[Row, Any], tuple[Sequence[str], str] | None]
    ordered: Callable[[Any], bool] = lambda _address: False
    answer_s: Callable[[Any], float | None] = lambda _address: None
    takes_records: bool = False
    collapses: bool = False
    in_network: bool = False
