"""Time to Live: an expired item leaves its table and appears in the stream as deleted by DynamoDB itself.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html and
…/time-to-live-ttl-streams.html. AWS deletes within days; the local cloud looks once a minute, and at once when
`/_tributary/expiry` is asked to.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, request_scope

from localcloud.emulator import control
from localcloud.emulator.control import RefusedError, Request
from localcloud.emulator.patching import replaces
from localcloud.emulator.table_streams.change_records import deleted_by_ttl

INTERVAL_S = 60.0
REAPER = "dynamodb-ttl-reaper"  # the name of the emulator's own thread
# "the time stamp value … must not be more than five years in the past"
OLDEST_S = 5 * 365 * 24 * 3600

Item = dict[str, Any]


def expired(item: Item, attribute: str, now_s: float) -> bool:
    """Whether the TTL attribute, a number of seconds since the epoch, is past, by at most five years."""
    try:
        value = float(item[attribute]["N"])
    except (KeyError, TypeError, ValueError):
        return False
    return now_s - OLDEST_S <= value <= now_s


def sweep(account_id: str | None = None, table_name: str | None = None) -> int:
    """Delete what has expired in the tables of an account, or of all; returns how many items that were."""
    from ministack.services import dynamodb

    deleted = 0
    for (owner, region, name), setting in list(dynamodb._ttl_settings.all_items()):
        wanted = account_id in (None, owner) and table_name in (None, name)
        table = dynamodb._tables.get_scoped(owner, region, name)
        if wanted and table and setting.get("TimeToLiveStatus") == "ENABLED":
            with request_scope(owner, region), deleted_by_ttl():
                deleted += _sweep_table(dynamodb, name, table, setting["AttributeName"])
    return deleted


def _sweep_table(dynamodb: Any, name: str, table: dict[str, Any], attribute: str) -> int:
    deleted = 0
    for partition, sort, item in list(_items(table)):
        if not expired(item, attribute, time.time()):
            continue
        with dynamodb._lock:
            # It may have been written again since it was found.
            if table["items"].get(partition, {}).get(sort) is item:
                dynamodb._remove_item(table, partition, sort)
                dynamodb._emit_stream_event(name, "REMOVE", item, None)
                deleted += 1
    return deleted


def _items(table: dict[str, Any]) -> Iterator[tuple[Any, Any, Item]]:
    for partition, items in list(table["items"].items()):
        for sort, item in list(items.items()):
            yield partition, sort, item


def serve(request: Request) -> dict[str, int]:
    """POST deletes what has expired now; `account` and `table` in the body narrow it. Raises RefusedError."""
    if request.method != "POST":
        raise RefusedError(405, f"/_tributary/expiry takes POST, not {request.method}.")
    return {"deleted": sweep(request.body.get("account"), request.body.get("table"))}


class _HiddenFromReaper(AccountRegionScopedDict):  # type: ignore[misc]
    """The TTL settings: the emulator's own reaper, which deletes without a trace in the stream, sees none of them."""

    __slots__ = ()

    def all_items(self) -> Any:
        return () if threading.current_thread().name == REAPER else super().all_items()


def _look_for_ever() -> None:
    pause = threading.Event()
    while not pause.wait(INTERVAL_S):
        try:
            sweep()
        except Exception:  # the next look must take place whatever this one met
            logging.getLogger(__name__).exception("deleting expired items failed")


def install() -> None:
    from ministack.services import dynamodb

    dynamodb._ttl_settings.__class__ = _HiddenFromReaper
    threading.Thread(target=_look_for_ever, name="expiry", daemon=True).start()
    control.route("expiry", serve)

    @replaces("ministack.services.dynamodb_streams", "_cap_page_bytes", source="38318d649579")
    def page_of_records(original: Callable[[list[Item]], list[Item]], records: list[Item]) -> list[Item]:
        return [_as_the_api_answers(record) for record in original(records)]


def _as_the_api_answers(record: Item) -> Item:
    """GetRecords names the members of an identity in upper case, a function's event in lower case.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Identity.html
    """
    identity = record.get("userIdentity")
    if identity is None:
        return record
    return {**record, "userIdentity": {"PrincipalId": identity["principalId"], "Type": identity["type"]}}
