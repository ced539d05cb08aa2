"""Both sides of a shared stream, as declared: each subscriber's one role may read, and nobody else."""

from typing import Any

import pytest

from components.errors import SettingsError
from components.kinds import KINDS
from components.stack_files import parse
from tests.components.deployed import REGION, Declared, declare, every, only

pytestmark = pytest.mark.mocks

OWNER, SUBSCRIBER, OTHER = "111111111111", "222222222222", "333333333333"
STREAM = f"arn:aws:kinesis:{REGION}:{OWNER}:stream/kds-cross-account-stream"
CONSUMER = f"{STREAM}/consumer/subscriber:1"
KEY = f"arn:aws:kms:{REGION}:{OWNER}:key/1"
GRANTED = {
    "shared": {
        "KinesisStreamArn": STREAM,
        "KinesisStreamEFOConsumerArn": {"subscriber": CONSUMER},
        "KMSKeyArn": KEY,
    }
}
ROLE = f"arn:aws:iam::{SUBSCRIBER}:role/kds-cross-account-stream-efo-consumer-role"
READS = {"kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:ListShards"}


def owner(**subscribers: Any) -> tuple[list[Declared], dict[str, Any]]:
    named = subscribers or {"subscriber": {"accountId": SUBSCRIBER}}
    return declare({"shared": {"kind": "shared-stream/owner", "subscribers": named}}, OWNER)


def subscriber(**settings: Any) -> list[Declared]:
    architecture = {"kind": "shared-stream/subscriber", "owner": {"stack": "stream-owner"}, **settings}
    return declare({"shared": architecture}, SUBSCRIBER, {"stream-owner": GRANTED})[0]


def test_the_policies_name_one_role_and_only_what_a_mapping_needs() -> None:
    declared, _ = owner()
    [on_stream] = only(declared, "ResourcePolicy", "stream-policy").policy()
    [on_consumer] = only(declared, "ResourcePolicy", "consumer-policy").policy()
    for allowed in (on_stream, on_consumer):
        assert allowed["Principal"] == {"AWS": f"arn:aws:iam::{SUBSCRIBER}:root"}
        assert allowed["Condition"] == {"ArnEquals": {"aws:PrincipalArn": ROLE}}
    assert set(on_stream["Action"]) == READS
    assert set(on_consumer["Action"]) == {"kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"}


def test_the_key_decrypts_for_the_subscriber_through_kinesis_only() -> None:
    declared, _ = owner()
    _, decrypts = only(declared, "Key").policy()
    assert decrypts["Action"] == ["kms:Decrypt"]
    assert decrypts["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": ROLE},
        "StringEquals": {"kms:ViaService": f"kinesis.{REGION}.amazonaws.com"},
    }


def test_a_subscriber_without_a_consumer_reads_the_shards() -> None:
    declared, outputs = owner(subscriber={"accountId": SUBSCRIBER}, other={"accountId": OTHER, "enhancedFanOut": False})
    assert [one.inputs["name"] for one in every(declared, "StreamConsumer")] == ["subscriber"]
    assert list(outputs["shared"]["KinesisStreamEFOConsumerArn"]) == ["subscriber"]
    consumed, shared = only(declared, "ResourcePolicy", "stream-policy").policy()
    assert set(consumed["Action"]) == READS
    assert set(shared["Action"]) == READS | {"kinesis:GetRecords", "kinesis:GetShardIterator"}


def test_another_subscriber_leaves_the_first_ones_resources_as_they_are() -> None:
    before = {one.name: one.inputs for one in owner()[0]}
    after = {one.name: one.inputs for one in owner(subscriber={"accountId": SUBSCRIBER}, other={"accountId": OTHER})[0]}
    changed = {name for name in before if before[name] != after[name]}
    # Policies of the stream and the key list all subscribers.
    assert changed == {"shared-stream-policy", "shared-key"}
    assert after.keys() - before.keys() == {"shared-other-consumer", "shared-other-consumer-policy"}


def test_the_function_reads_the_consumer_and_logs_no_data() -> None:
    declared = subscriber()
    assert only(declared, "EventSourceMapping").inputs["eventSourceArn"] == CONSUMER
    function = only(declared, "Function").inputs
    assert function["name"] == "kds-cross-account-stream-efo-consumer"
    assert function["handler"] == "handlers.stream_logger.main.handler"
    assert function["environment"]["variables"] == {"LOG_DATA": "false"}
    assert only(declared, "LogGroup").inputs["name"] == "/aws/lambda/kds-cross-account-stream-efo-consumer"


def test_a_function_on_shared_throughput_reads_the_stream() -> None:
    declared = subscriber(enhancedFanOut=False)
    assert only(declared, "EventSourceMapping").inputs["eventSourceArn"] == STREAM


def test_a_users_own_handler_takes_the_place_of_the_logger() -> None:
    handler = {"folder": "tests/components", "entry": "deployed.declare", "environment": {"AN_OWN": "value"}}
    function = only(subscriber(handler=handler), "Function").inputs
    assert function["handler"] == "deployed.declare"
    assert "deployed.py" in function["code"].assets
    assert function["environment"]["variables"] == {"AN_OWN": "value"}


def test_a_handler_that_is_not_there_is_told() -> None:
    with pytest.raises(SettingsError, match=r"the handler `main\.handler` in `nowhere` has no file"):
        subscriber(handler={"folder": "nowhere", "entry": "main.handler"})


def test_literal_arns_and_the_choice_of_a_consumer_go_together() -> None:
    access = {"streamArn": STREAM, "keyArn": KEY}
    found = {"kind": "shared-stream/subscriber", "owner": access}
    with pytest.raises(SettingsError, match=r"`owner\.consumerArn` goes with `enhancedFanOut: true`"):
        parse(KINDS, "Pulumi.test.yaml", {"shared": found})
    declared, _ = declare({"shared": {**found, "owner": {**access, "consumerArn": CONSUMER}}}, SUBSCRIBER)
    assert only(declared, "EventSourceMapping").inputs["eventSourceArn"] == CONSUMER
