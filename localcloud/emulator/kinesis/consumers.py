"""Enhanced fan-out consumers come into being, and there are so many at the most.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html: 20 a stream; a sixth one while
five are CREATING is refused.
"""

import asyncio
import json
from collections.abc import Callable

from localcloud.emulator import quotas
from localcloud.emulator.kinesis.api import Answer, RefusedError, Request, answered
from localcloud.emulator.patching import replaces

# AWS takes some seconds.
CREATING_S = 0.5


def register(original: Callable[[Request], Answer], request: Request) -> Answer:
    """Register a consumer, which is CREATING for a moment. Raises RefusedError."""
    from ministack.services import kinesis

    of_stream = [one for one in kinesis._consumers.values() if one["StreamARN"] == request.get("StreamARN")]
    if len(of_stream) >= quotas.CONSUMERS_OF_A_STREAM.most:
        raise RefusedError(
            "LimitExceededException",
            f"Stream {request.get('StreamARN')} has {len(of_stream)} registered consumers, as many as it may have.",
        )
    creating = [one for one in kinesis._consumers.values() if one["ConsumerStatus"] == "CREATING"]
    if len(creating) >= quotas.CONSUMERS_BEING_CREATED.most:
        raise RefusedError("LimitExceededException", f"{len(creating)} consumers are being created, as many as may be.")
    status, headers, body = original(request)
    if status != 200:
        return status, headers, body
    answer = json.loads(body)
    consumer = kinesis._consumers[answer["Consumer"]["ConsumerARN"]]
    consumer["tags"] = dict(request.get("Tags") or {})
    consumer["ConsumerStatus"] = answer["Consumer"]["ConsumerStatus"] = "CREATING"
    asyncio.get_running_loop().call_later(CREATING_S, consumer.update, {"ConsumerStatus": "ACTIVE"})
    return answered(answer)


def install() -> None:
    @replaces("ministack.services.kinesis", "_register_consumer", source="f073f9dd210e")
    def _register_consumer(original: Callable[[Request], Answer], request: Request) -> Answer:
        try:
            return register(original, request)
        except RefusedError as refused:
            return refused.answer
