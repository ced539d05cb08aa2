"""A subscriber of IoT Core's message broker, by MQTT over WebSocket: what a device or an application sees.

https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from integration_tests.support.addressing import Clients

START_TIMEOUT_S = 30


class Subscriber:
    """`payloads` are those of a topic since the subscription, in the order in which they came."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.subscribed = threading.Event()

    def take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self.payloads.append(bytes(message.payload))


@contextmanager
def subscribed(own: Clients, endpoint: str, topic: str) -> Iterator[Subscriber]:
    """A subscriber of the account at a local cloud's endpoint; its credential names the account."""
    subscriber = Subscriber()
    address = own.iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    client = Client(CallbackAPIVersion.VERSION2, transport="websockets")
    client.ws_set_options(
        path=f"/mqtt?X-Amz-Credential={own.account_id}/20260101/{own.region}/iotdevicegateway/aws4_request",
        headers=lambda headers: {**headers, "Host": address},
    )
    client.on_message = subscriber.take
    client.on_connect = lambda *_answer: client.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_answer: subscriber.subscribed.set()
    place = urlsplit(endpoint)
    client.connect(str(place.hostname), int(place.port or 80))
    client.loop_start()
    try:
        assert subscriber.subscribed.wait(START_TIMEOUT_S), f"no subscription of {topic} at {address}"
        yield subscriber
    finally:
        client.disconnect()
        client.loop_stop()
