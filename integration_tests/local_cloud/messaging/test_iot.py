"""What is published to IoT Core: who may, how large it may be, and that it arrives as it was.

https://docs.aws.amazon.com/iot/latest/developerguide/http.html
"""

import base64
import json
import re
from urllib.request import urlopen

import pytest

from integration_tests.local_cloud.messaging.conftest import refused
from integration_tests.support.addressing import statement

pytestmark = [pytest.mark.local, pytest.mark.differs("plain", "it has no control API")]


def test_messages_of_a_topic_arrive_whole_from_whom_its_policy_lets_publish(own, cloud, principal) -> None:
    allowed = f"arn:aws:iot:{own.region}:{own.account_id}:topic/orders/new"
    publish = principal(own.account_id, [statement("iot:Publish", allowed)]).iot_data.publish
    sent = [b"\x00\xff", b"", "é".encode() * 10, b"x" * 131_072]
    for payload in sent:
        publish(topic="orders/new", qos=0, payload=payload)
    assert refused(publish, topic="orders/new", payload=b"x" * 131_073) == "RequestEntityTooLargeException"
    assert refused(publish, topic="orders/old", payload=b"x")
    with urlopen(f"{cloud.endpoint}/_tributary/iot/{own.account_id}") as answer:
        messages = json.load(answer)["messages"]
    assert [base64.b64decode(one["payload"]) for one in messages] == sent
    assert {(one["topic"], one["qos"], one["region"]) for one in messages} == {("orders/new", 0, own.region)}


PUBLISH = """
import boto3
def handler(event, _):
    iot = boto3.client("iot-data", endpoint_url=f"https://{event['address']}")
    iot.publish(topic="orders/new", qos=1, payload=b"from a function")
"""


def test_a_function_publishes_at_the_endpoint_that_its_account_has(own, cloud, function) -> None:
    """https://docs.aws.amazon.com/iot/latest/developerguide/iot-connect-devices.html"""
    address = own.iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert re.fullmatch(rf"\w+-ats\.iot\.{own.region}\.amazonaws\.com", address)
    allowed = statement("iot:Publish", f"arn:aws:iot:{own.region}:{own.account_id}:topic/orders/new")
    answer = function(own.account_id, PUBLISH, statements=[allowed]).invoke({"address": address})
    assert "FunctionError" not in answer, answer
    with urlopen(f"{cloud.endpoint}/_tributary/iot/{own.account_id}") as found:
        messages = json.load(found)["messages"]
    assert [base64.b64decode(one["payload"]) for one in messages] == [b"from a function"]
