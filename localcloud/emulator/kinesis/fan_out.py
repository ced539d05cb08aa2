"""SubscribeToShard: pushes the records of a shard to one enhanced fan-out consumer for up to five minutes.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SubscribeToShard.html , …/API_SubscribeToShardEvent.html
"""

import asyncio
import json
import time
from typing import Any

from ministack.core.responses import StreamingResponse, new_uuid

from localcloud.emulator import cbor
from localcloud.emulator.kinesis import listing, records, sequence_numbers, streams
from localcloud.emulator.kinesis.api import Answer, RefusedError, Request, shard_of
from localcloud.emulator.kinesis.cbor_clients import speaks_cbor
from localcloud.emulator.kinesis.shard_log import StoredShard
from localcloud.emulator.model_checks import model
from localcloud.emulator.patching import replaces

SUBSCRIPTION_S = 300.0
TAKE_OVER_AFTER_S = 5.0
# An event without records says how far the consumer is; AWS sends one every few seconds.
HEARTBEAT_S = 5.0
# An event carries at most 1 MB, so that a consumer's 2 MB/s come in several:
# https://docs.aws.amazon.com/streams/latest/dev/building-enhanced-consumers-api.html
MAX_EVENT_BYTES = 1024 * 1024


class Subscription:
    """One open connection: where it is in the shard."""

    def __init__(self, consumer_arn: str, stream: streams.Stream, shard_id: str, position: int) -> None:
        self.key = (consumer_arn, shard_id)
        self.id = new_uuid()
        self.speaks_cbor = speaks_cbor()
        self.started = time.time()
        self.stream = stream
        self.shard_id = shard_id
        self.position = position

    def next_event(self) -> tuple[dict[str, Any], bool]:
        """The next SubscribeToShardEvent, and whether the shard ends with it."""
        shard = self.stream["shards"][self.shard_id]
        batch = streams.read_shard(self.stream, shard, self.position, streams.MAX_READ_RECORDS, MAX_EVENT_BYTES)
        self.position = batch.next_position
        event: dict[str, Any] = {
            "Records": [records.as_json(self.stream, record) for record in batch.records],
            "MillisBehindLatest": batch.behind_ms,
        }
        # The last event names the shards to go on with and no position, of which there is none any more. The Kinesis
        # Client Library takes an event with both for a wrong one and asks again, for ever: FanOutRecordsPublisher in
        # https://github.com/awslabs/amazon-kinesis-client
        if batch.ended:
            event["ChildShards"] = listing.child_shards(self.stream, self.shard_id)
        else:
            event["ContinuationSequenceNumber"] = self._continuation(shard, batch)
        return event, batch.ended

    def message(self, kind: str, body: dict[str, Any], exception: bool = False) -> bytes:
        """A message of the event stream encoding."""
        from ministack.services import kinesis

        headers = {
            ":message-type": "exception" if exception else "event",
            ":exception-type" if exception else ":event-type": kind,
            ":content-type": cbor.CONTENT_TYPE if self.speaks_cbor else "application/json",
        }
        content = cbor.dumps(body, self._shape_of(kind)) if self.speaks_cbor else json.dumps(body).encode()
        encoded: bytes = kinesis._eventstream_message(headers, content)
        return encoded

    @staticmethod
    def _shape_of(kind: str) -> Any:
        return model("kinesis").shape_for(kind) if kind == "SubscribeToShardEvent" else None

    def _continuation(self, shard: StoredShard, batch: streams.Batch) -> str:
        if batch.records:
            return batch.records[-1].sequence_number
        return sequence_numbers.compose(shard["created_s"], shard["index"], self.position, time.time())


def subscribe_to_shard(request: Request) -> Answer:
    from ministack.services import kinesis

    consumer_arn, shard_id = request.get("ConsumerARN", ""), request.get("ShardId", "")
    consumer = kinesis._consumer_from_arn(consumer_arn)
    if consumer is None:
        raise RefusedError("ResourceNotFoundException", f"Consumer {consumer_arn} not found.")
    stream = streams.find(consumer["StreamARN"])
    starting = request.get("StartingPosition") or {}
    position = records.starting_position(
        stream,
        shard_of(stream, shard_id),
        starting.get("Type"),
        starting.get("SequenceNumber"),
        starting.get("Timestamp"),
    )
    subscription = Subscription(consumer_arn, stream, shard_id, position)
    live = kinesis._subscriptions.get(subscription.key)
    if live is not None and subscription.started - live.started < TAKE_OVER_AFTER_S:
        raise RefusedError(
            "ResourceInUseException",
            f"Another active subscription exists for consumer {consumer_arn} and shard {shard_id}.",
        )
    kinesis._subscriptions[subscription.key] = subscription

    async def push(send: Any, receive: Any) -> None:
        await _push(subscription, send, receive)

    return 200, {"Content-Type": "application/vnd.amazon.eventstream"}, StreamingResponse(push)


async def _push(subscription: Subscription, send: Any, receive: Any) -> None:
    from ministack.services import kinesis

    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(woken.set)

    unsubscribe = streams.subscribe(subscription.stream["StreamARN"], wake)
    disconnected = asyncio.create_task(_await_disconnect(receive, woken))

    async def chunk(body: bytes, more: bool = True) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": more})

    try:
        await chunk(subscription.message("initial-response", {}))
        sent_at = 0.0
        while not disconnected.done() and time.time() < subscription.started + SUBSCRIPTION_S:
            woken.clear()
            ended_by = _ended_by(subscription, kinesis)
            if ended_by is not None:
                await chunk(
                    subscription.message(ended_by, {"message": f"Subscription to {subscription.shard_id} ended."}, True)
                )
                return
            event, ended = subscription.next_event()
            if event["Records"] or ended or time.time() - sent_at >= HEARTBEAT_S:
                await chunk(subscription.message("SubscribeToShardEvent", event))
                sent_at = time.time()
            if ended:
                return
            if not event["Records"]:
                with_timeout = asyncio.wait_for(woken.wait(), HEARTBEAT_S)
                await asyncio.gather(with_timeout, return_exceptions=True)
    finally:
        unsubscribe()
        disconnected.cancel()
        if kinesis._subscriptions.get(subscription.key) is subscription:
            del kinesis._subscriptions[subscription.key]
        await asyncio.gather(chunk(b"", more=False), return_exceptions=True)


async def _await_disconnect(receive: Any, woken: asyncio.Event) -> None:
    while (await receive()).get("type") != "http.disconnect":
        pass
    woken.set()


def _ended_by(subscription: Subscription, kinesis: Any) -> str | None:
    """The exception that ends a subscription: taken over by another call, or its stream or consumer is gone."""
    if kinesis._subscriptions.get(subscription.key) is not subscription:
        return "ResourceInUseException"
    consumer_arn = subscription.key[0]
    account_id, region = consumer_arn.split(":")[4], consumer_arn.split(":")[3]
    stream = kinesis._streams.get_scoped(account_id, region, subscription.stream["StreamName"])
    if stream is not subscription.stream or kinesis._consumers.get_scoped(account_id, region, consumer_arn) is None:
        return "ResourceNotFoundException"
    return None


def install() -> None:
    @replaces("ministack.services.kinesis", "_subscribe_to_shard", source="846b198f054b")
    def _subscribe_to_shard(_original: object, request: Request, _is_cbor: bool) -> Answer:
        try:
            return subscribe_to_shard(request)
        except RefusedError as refused:
            return refused.answer
