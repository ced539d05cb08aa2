"""Tumbling windows: a state that goes from invocation to invocation, and an invocation that ends each window.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
"""

import json

import pytest

from integration_tests.local_cloud.event_sources.conftest import READ_STREAMS, numbered, put

pytestmark = pytest.mark.local

COUNTER = """
import json

def handler(event, context):
    state = dict(event["state"])
    state["count"] = state.get("count", 0) + len(event["Records"])
    rest = {key: value for key, value in event.items() if key != "Records"}
    print("WINDOW " + json.dumps({"records": len(event["Records"]), **rest, "returned": state}))
    return {"state": state}
"""


def every_window_ended(lines, records):
    started = [line["window"] for line in lines if not line["isFinalInvokeForWindow"]]
    ended = [line["window"] for line in lines if line["isFinalInvokeForWindow"]]
    return sum(line["records"] for line in lines) == records and all(window in ended for window in started)


def test_a_window_hands_its_state_on_and_ends_with_a_final_invocation(
    account, clients, stream, function, mapping, received, eventually
):
    owner = account()
    source = stream(owner)
    counter = function(owner, COUNTER, statements=READ_STREAMS)
    mapping(counter, source, BatchSize=2, TumblingWindowInSeconds=3)
    put(clients(owner), source, numbered(3))
    first = eventually(
        lambda: received(counter, "WINDOW"), until=lambda lines: every_window_ended(lines, 3), timeout=30
    )
    # The three records may fall into two windows; each has its own count.
    finals = [line for line in first if line["isFinalInvokeForWindow"]]
    assert all(line["records"] == 0 and not line["isWindowTerminatedEarly"] for line in finals)
    counted = {json.dumps(line["window"]): line["returned"]["count"] for line in first}
    for line in finals:
        assert line["state"]["count"] == counted[json.dumps(line["window"])]
        assert line["shardId"] == "shardId-000000000000"
        assert line["eventSourceARN"] == source
    put(clients(owner), source, numbered(1, start=3))
    again = eventually(
        lambda: [line for line in received(counter, "WINDOW") if line["records"] and line not in first], timeout=20
    )
    assert again[0]["window"] not in [line["window"] for line in finals]
    assert again[0]["state"] == {}
