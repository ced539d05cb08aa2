"""moto's DynamoDB as a server: `python -m localcloud.localstack.runtime.tables PORT`.

LocalStack's provider of DynamoDB forwards to it what it would forward to DynamoDB Local, and makes the streams itself.
The access key, such as `111111111111useast1`, tells accounts and Regions apart, as in DynamoDB Local:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.UsageNotes.html
"""

import json
import re
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

from moto.dynamodb import models
from moto.dynamodb.models.table import StreamShard, Table
from moto.dynamodb.responses import DynamoHandler
from werkzeug.serving import WSGIRequestHandler, run_simple
from werkzeug.wrappers import Request, Response

from localcloud.engine.processes import end_with_parent

CREDENTIAL = re.compile(r"Credential=(?P<account>\d{12})[^/]*/\d+/(?P<region>[^/]+)/")
NOBODY = ("000000000000", "us-east-1")
# LocalStack keeps these itself, when DynamoDB Local says that it has nothing to update.
KEPT_BY_LOCALSTACK = {"TableClass", "ReplicaUpdates"}
NOTHING = {"__type": "com.amazon.coral.validate#ValidationException", "message": "Nothing to update"}
# A write looks at a condition and then writes: in moto nothing keeps another write from coming in between.
ONE_AT_A_TIME = threading.Lock()


@Request.application  # type: ignore[untyped-decorator] # werkzeug is not installed where this is checked
def application(request: Request) -> Response:
    found = CREDENTIAL.search(request.headers.get("Authorization", ""))
    account_id, region = found.group("account", "region") if found else NOBODY
    headers = {**request.headers, "x-moto-account-id": account_id}
    request.headers = headers  # moto reads it as a mapping
    if nothing_to_update(headers.get("X-Amz-Target", ""), request.get_data()):
        return Response(json.dumps(NOTHING), 400, {"Content-Type": "application/x-amz-json-1.0"})
    with ONE_AT_A_TIME:
        return _response(DynamoHandler.dispatch(request, f"http://dynamodb.{region}.amazonaws.com/", headers))


def nothing_to_update(target: str, body: bytes) -> bool:
    """Whether it is an update of nothing that tables are known to have here."""
    return target.endswith(".UpdateTable") and json.loads(body).keys() - {"TableName"} <= KEPT_BY_LOCALSTACK


def _response(answer: Any) -> Response:
    """moto answers with a body, or with headers and a body after the status or without it."""
    if not isinstance(answer, tuple):
        return Response(answer)
    status, headers, body = answer if len(answer) == 3 else (200, *answer)
    return Response(body, status, dict(headers))


def leave_streams_to_localstack() -> None:
    """moto would keep every change, and would neither write to a table whose stream is off nor switch it on again."""
    StreamShard.add = lambda *_: None
    specify = Table.set_stream_specification

    def specify_and_forget(table: Any, streams: Any) -> None:
        specify(table, streams)
        if not table.stream_specification["StreamEnabled"]:
            table.latest_stream_label = table.stream_shard = None

    Table.set_stream_specification = specify_and_forget


def undo_what_a_transaction_names() -> None:
    """moto would copy each table that a transaction names, whole, to have it again when the transaction fails: a fifth
    of a second for eight hundred items. The items that it names are enough."""
    transact = models.DynamoDBBackend.transact_write_items

    def transact_or_undo(backend: Any, actions: Iterable[Mapping[str, Any]]) -> None:
        before = [(table, key, deepcopy(table.get_item(*key))) for table, key in _named(backend, actions)]
        try:
            transact(backend, actions)
        except Exception:
            for table, key, item in before:
                table.delete_item(*key)
                if item is not None:
                    table.put_item(item.to_json()["Attributes"], overwrite=True)
            raise

    models.DynamoDBBackend.transact_write_items = transact_or_undo
    models.copy = SimpleNamespace(deepcopy=lambda value: value if isinstance(value, Table) else deepcopy(value))


def _named(backend: Any, actions: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, tuple[Any, Any]]]:
    """The tables and keys of the items that a transaction names; what moto will refuse is left out."""
    for action in (one for kinds in actions for one in kinds.values()):
        table, given = backend.tables.get(action.get("TableName")), action.get("Key") or action.get("Item", {})
        if table is not None and given.keys() >= set(table.table_key_attrs):
            yield table, backend.get_keys_value(table, given)


if __name__ == "__main__":
    end_with_parent()
    leave_streams_to_localstack()
    undo_what_a_transaction_names()
    WSGIRequestHandler.protocol_version = "HTTP/1.1"  # or each call would need a connection of its own
    run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
