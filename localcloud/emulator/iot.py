"""IoT Core's data plane: its host name, the size that a message may have, and what was published, for tests and users
to read.

`GET /_tributary/iot/<account>` lists an account's newest messages: `topic`, `payload` (base64), `qos`, `region`. An
MQTT client that subscribes sees the same.
https://docs.aws.amazon.com/iot/latest/developerguide/http.html
https://docs.aws.amazon.com/general/latest/gr/iot-core.html (message broker and protocol limits)
https://docs.aws.amazon.com/iot/latest/developerguide/iot-connect-devices.html (an account's own endpoint)
"""

import base64
import json
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import iot

from localcloud.emulator import control
from localcloud.emulator.patching import replaces
from localcloud.emulator.resetting import on_reset

MAX_PAYLOAD_BYTES = 128 * 1024
# How many messages of an account are kept for reading.
MAX_KEPT = 20_000

Publish = Callable[..., Awaitable[Any]]

_published: dict[str, deque[dict[str, Any]]] = defaultdict(lambda: deque(maxlen=MAX_KEPT))


def _serve(request: control.Request) -> dict[str, Any]:
    if request.method != "GET" or not request.rest.isdigit():
        raise control.RefusedError(400, "Ask for an account's messages: GET /_tributary/iot/<account id>.")
    messages = _published.get(request.rest, ())
    return {"messages": [{**one, "payload": base64.b64encode(one["payload"]).decode()} for one in messages]}


def _of_aws(address: str) -> str:
    """A host name of the emulator's as AWS has it: functions are led from there to the local cloud."""
    return address.removesuffix(f".{iot._MINISTACK_HOST}:{iot._GATEWAY_PORT}") + ".amazonaws.com"


def install() -> None:
    """Name endpoints as AWS does; refuse what is too large, and keep what is published, by HTTP or MQTT."""
    control.route("iot", _serve)
    on_reset(_published.clear)

    @replaces("ministack.services.iot", "_describe_endpoint", source="4662da7d1145")
    def describe_endpoint(original: Callable[..., Any], parameters: Any) -> Any:
        status, headers, body = original(parameters)
        if status != 200:
            return status, headers, body
        return json_response({"endpointAddress": _of_aws(json.loads(body)["endpointAddress"])})

    @replaces("ministack.services.iot", "_endpoint_address", source="aa597c7c4621")
    def endpoint_address(original: Callable[[str], str], endpoint_type: str) -> str:
        return _of_aws(original(endpoint_type))

    @replaces("ministack.services.iot_data", "_publish", source="cb28a08fc992")
    async def publish(original: Publish, topic: str, body: bytes, *rest: Any) -> Any:
        if len(body or b"") > MAX_PAYLOAD_BYTES:
            message = f"The payload has {len(body)} bytes, of which IoT Core takes {MAX_PAYLOAD_BYTES}."
            return error_response_json("RequestEntityTooLargeException", message, 413)
        return await original(topic, body, *rest)

    @replaces("ministack.services.iot", "broker_publish", source="81fae59fc9df")
    async def broker_publish(
        original: Publish, account_id: str, region: str, topic: str, payload: bytes, qos: int = 0, **rest: Any
    ) -> None:
        _published[account_id].append({"topic": topic, "payload": bytes(payload), "qos": qos, "region": region})
        await original(account_id, region, topic, payload, qos=qos, **rest)
