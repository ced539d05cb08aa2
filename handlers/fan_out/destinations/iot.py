"""Topics of IoT Core. https://docs.aws.amazon.com/iot/latest/apireference/API_iotdata_Publish.html"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from handlers.fan_out.contract import Access, Destination, Limits, Refused, Send, Unit, WrongRowError
from handlers.fan_out.destinations.addresses import arn_for, number_of, options_among, region_among

if TYPE_CHECKING:
    from handlers.fan_out.rows import Row

__all__ = ["DESTINATION"]

# Of a payload, a topic and its levels: https://docs.aws.amazon.com/general/latest/gr/iot-core.html (message broker)
MAX_PAYLOAD_BYTES = 128 * 1024
MAX_TOPIC_BYTES = 256
MAX_SLASHES = 7
_RIGHT = "<endpoint>#<topic>, like a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com#orders/new"
_HOST = re.compile(r"[\w-]+(\.[\w-]+)+(:\d+)?", re.ASCII)
_REGION = re.compile(r"[^.]+\.iot\.([a-z0-9-]+)\..+", re.ASCII)


class _Topic(NamedTuple):
    """`endpoint` is a URL: each account has its own in each Region. `qos` 1: the broker answers when it has it."""

    endpoint: str
    topic: str
    region: str | None
    qos: int


def _parse(row: Row) -> _Topic:
    options_among(row, ["qos"])
    host, separator, topic = row.destination.partition("#")
    if not separator or not _HOST.fullmatch(host):
        raise WrongRowError("destination", f"destination is {row.destination!r}; it must be {_RIGHT}")
    problem = _problem(topic)
    if problem:
        raise WrongRowError("destination", f"destination has the topic {topic!r}, {problem}; it must be {_RIGHT}")
    found = _REGION.fullmatch(host)
    region = region_among(row, found[1] if found else None)
    return _Topic(f"https://{host}", topic, region, number_of(row, "qos", 1, 0, 1))


def _problem(topic: str) -> str | None:
    """What is wrong with a topic to publish to: https://docs.aws.amazon.com/iot/latest/developerguide/topics.html"""
    if not 0 < len(topic.encode()) <= MAX_TOPIC_BYTES:
        return f"which has not 1 to {MAX_TOPIC_BYTES} bytes"
    if re.search(r"[+#\0]", topic):
        return "in which + and # are wildcards, for subscribers only"
    if topic.startswith("$") and not topic.startswith("$aws/rules/"):
        return "which begins with $ as the service's own do"
    if topic.removeprefix("$aws/rules/").count("/") > MAX_SLASHES:
        return f"which has more than {MAX_SLASHES} slashes"
    return None


def _open(_row: Row, topic: _Topic, access: Access) -> Send:
    client = access.client("iot-data", topic.region, topic.endpoint)

    def send(units: Sequence[Unit]) -> Sequence[Refused]:
        with client.using() as iot:
            for unit in units:
                iot.publish(topic=topic.topic, qos=topic.qos, payload=unit.body)
        return []

    return send


DESTINATION = Destination(
    parse=_parse,
    open=_open,
    limits=lambda _topic: Limits(1, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES),
    grants=lambda row, topic: (["iot:Publish"], arn_for(row, "iot", topic.region, f"topic/{topic.topic}")),
    collapses=True,
)
