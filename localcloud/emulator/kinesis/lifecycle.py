"""CreateStream and DeleteStream, and where the rest of the emulator meets the store.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html , …/API_DeleteStream.html
"""

from collections.abc import Callable

from localcloud.emulator.kinesis import streams
from localcloud.emulator.kinesis.api import Answer, RefusedError, Request, stream_of
from localcloud.emulator.kinesis.shard_log import StoredShard, new_shard
from localcloud.emulator.patching import replaces

# https://docs.aws.amazon.com/streams/latest/dev/how-do-i-size-a-stream.html: on-demand mode begins with 4 MB/s
ON_DEMAND_SHARDS = 4


def create(original: Callable[[Request], Answer], request: Request) -> Answer:
    """Create a stream with its tags and record size; on demand when neither a mode nor a number of shards is given.

    Raises RefusedError.
    """
    from ministack.services import kinesis

    mode = (request.get("StreamModeDetails") or {}).get("StreamMode")
    on_demand = mode == "ON_DEMAND" or (mode is None and request.get("ShardCount") is None)
    if not on_demand and request.get("ShardCount") is None:
        raise RefusedError("InvalidArgumentException", "ShardCount is required for a stream in provisioned mode.")
    if on_demand:
        request = {**request, "ShardCount": ON_DEMAND_SHARDS, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    answer = original(request)
    if answer[0] == 200:
        stream = kinesis._streams[request["StreamName"]]
        stream["tags"].update(request.get("Tags") or {})
        if request.get("MaxRecordSizeInKiB"):
            stream["MaxRecordSizeInKiB"] = request["MaxRecordSizeInKiB"]
    return answer


def delete(original: Callable[[Request], Answer], request: Request) -> Answer:
    """Delete a stream, with its consumers only when that is asked for. Raises RefusedError."""
    from ministack.services import kinesis

    stream = stream_of(request)
    consumers = [one for one in kinesis._consumers.values() if one["StreamARN"] == stream["StreamARN"]]
    if consumers and not request.get("EnforceConsumerDeletion"):
        raise RefusedError(
            "ResourceInUseException",
            f"Stream {stream['StreamName']} has registered consumers. Set EnforceConsumerDeletion to delete them "
            "with it.",
        )
    answer = original(request)
    streams.notify(stream)
    return answer


def install() -> None:
    @replaces("ministack.services.kinesis", "_create_stream", source="d57ac0a66079")
    def _create_stream(original: Callable[[Request], Answer], data: Request) -> Answer:
        try:
            return create(original, data)
        except RefusedError as refused:
            return refused.answer

    @replaces("ministack.services.kinesis", "_delete_stream", source="6b369929e015")
    def _delete_stream(original: Callable[[Request], Answer], data: Request) -> Answer:
        try:
            return delete(original, data)
        except RefusedError as refused:
            return refused.answer

    @replaces("ministack.services.kinesis", "_build_shards", source="1f27f472c8e8")
    def _build_shards(_original: object, shard_count: int, start_index: int = 0) -> dict[str, StoredShard]:
        ranges = enumerate(streams.uniform_ranges(shard_count), start_index)
        return {f"shardId-{index:012d}": new_shard(index, hash_range, {}) for index, hash_range in ranges}

    @replaces("ministack.services.kinesis", "_expire_records", source="9f3968926430")
    def _expire_records(_original: object, stream: streams.Stream) -> None:
        streams.expire(stream)

    @replaces("ministack.services.kinesis", "_expire_iterators", source="283783a2fb44")
    def _expire_iterators(_original: object) -> None:
        """Iterators say themselves when they were made; none is stored."""

    @replaces("ministack.services.kinesis", "put_record_internal", source="fc637414f1cc")
    def put_record_internal(_original: object, stream_arn: str, partition_key: str, data: bytes) -> bool:
        try:
            streams.put(stream_arn, partition_key, data)
        except streams.StreamNotFoundError:
            return False
        return True
