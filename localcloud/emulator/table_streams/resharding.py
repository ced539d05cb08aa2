"""Rolls shards of a table's stream over, or splits them, when `POST /_tributary/shards` asks for it.

DynamoDB does it by itself, about when partitions split and every few hours, and nobody can ask AWS for it.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html#Streams.Processing
"""

from typing import Any

from localcloud.emulator import control
from localcloud.emulator.control import RefusedError, Request
from localcloud.emulator.resetting import on_reset
from localcloud.emulator.table_streams import log as streams

SETTINGS = ("stream", "into", "shard")


def serve(request: Request) -> dict[str, Any]:
    """Every open shard of the stream with the ARN `stream`, or the one called `shard`, is closed and gets `into`
    children: 1 rolls it over, more split it. Answers with the open shards. Raises RefusedError.
    """
    if request.method != "POST":
        raise RefusedError(405, f"/_tributary/shards takes POST, not {request.method}.")
    unknown = request.body.keys() - set(SETTINGS)
    if unknown:
        raise RefusedError(400, f"Resharding has no setting {min(unknown)!r}; it has {', '.join(SETTINGS)}.")
    into = request.body.get("into", 1)
    if type(into) is not int or into < 1:
        raise RefusedError(400, f"`into` is {into!r}; it must be the number of children of a shard, 1 or more.")
    try:
        log = streams.reshard(str(request.body.get("stream")), into, request.body.get("shard"))
    except streams.StreamNotFoundError:
        raise RefusedError(
            404, f"There is no stream {request.body.get('stream')!r}; `stream` is the LatestStreamArn of a table."
        ) from None
    except streams.ShardNotFoundError as missing:
        raise RefusedError(404, f"{missing} is not there, or closed; DescribeStream lists the shards.") from None
    return {"open": [one.shard_id for one in log.shards if one.is_open]}


def install() -> None:
    control.route("shards", serve)
    on_reset(streams.forget)
