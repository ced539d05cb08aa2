"""DynamoDB stream records in AWS's shape, and who is told when one is written.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html , …/API_streams_StreamRecord.html
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_account_id, get_region, new_uuid

from localcloud.emulator.patching import replaces

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html
TTL_IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}

Item = dict[str, Any]

_identity: ContextVar[dict[str, str] | None] = ContextVar("user_identity", default=None)
_lock = threading.Lock()
_subscribers: dict[tuple[str, str], set[Callable[[], None]]] = {}
# Sequence numbers of 26 digits that go on increasing after a restart.
_first = int(time.time()) * 10**16
_numbers = itertools.count(1)
# Below every number that is given out.
FIRST_NUMBER = str(_first)


@contextmanager
def deleted_by_ttl() -> Iterator[None]:
    """Changes made in this block carry the userIdentity of a deletion by Time to Live."""
    token = _identity.set(TTL_IDENTITY)
    try:
        yield
    finally:
        _identity.reset(token)


def is_deletion_by_ttl() -> bool:
    """Whether the change under way is one."""
    return _identity.get() is TTL_IDENTITY


def next_number() -> str:
    """A sequence number above all that were given out before."""
    return str(_first + next(_numbers))


def subscribe(account_id: str, region: str, callback: Callable[[], None]) -> Callable[[], None]:
    """Call back after every stream record and reshard of any table of the account in the Region; returns what ends
    that.

    The callback runs in the writer's thread, often the emulator's event loop: it may set an event, no more.
    """
    with _lock:
        _subscribers.setdefault((account_id, region), set()).add(callback)

    def unsubscribe() -> None:
        with _lock:
            _subscribers.get((account_id, region), set()).discard(callback)

    return unsubscribe


def notify(account_id: str, region: str) -> None:
    """Tell the subscribers of an account's tables in a Region that there is something new."""
    for callback in tuple(_subscribers.get((account_id, region), ())):
        callback()


def change_record(table: dict[str, Any], event_name: str, old: Item | None, new: Item | None, view: str) -> Item:
    """A record of one change. `view` is the StreamViewType; SizeBytes counts what the record holds."""
    from ministack.services import dynamodb

    item = new or old or {}
    keys = {name: item[name] for name in (table["pk_name"], table["sk_name"]) if name and name in item}
    images = {}
    if new and view in ("NEW_AND_OLD_IMAGES", "NEW_IMAGE"):
        images["NewImage"] = new
    if old and view in ("NEW_AND_OLD_IMAGES", "OLD_IMAGE"):
        images["OldImage"] = old
    identity = _identity.get()
    return {
        "eventID": new_uuid().replace("-", ""),
        "eventName": event_name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": get_region(),
        "dynamodb": {
            # "rounded down to the closest second"; a function gets it as 1479499740.0
            "ApproximateCreationDateTime": float(int(time.time())),
            "Keys": keys,
            **images,
            "SequenceNumber": next_number(),
            "SizeBytes": sum(dynamodb._item_size_bytes(part) for part in (keys, *images.values())),
            "StreamViewType": view,
        },
        "eventSourceARN": table.get("LatestStreamArn") or f"{table['TableArn']}/stream/{dynamodb._stream_label()}",
        **({"userIdentity": identity} if identity else {}),
    }


class _Waker:
    """Stands where the emulator's DynamoDB sets its wake-up event, which it does after every stream record."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def set(self) -> None:
        self._event.set()
        notify(get_account_id(), get_region())


def install() -> None:
    from ministack.services import dynamodb

    dynamodb.esm_wake = _Waker(dynamodb.esm_wake)

    @replaces("ministack.services.dynamodb", "_build_change_record", source="45f604ee4772")
    def _build_change_record(
        _original: object,
        table: dict[str, Any],
        event_name: str,
        old_item: Item | None,
        new_item: Item | None,
        view_type: str,
    ) -> Item:
        return change_record(table, event_name, old_item, new_item, view_type)
