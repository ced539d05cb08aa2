"""The fan-out platform and its receivers, as declared: what each role may do, and to nothing else."""

import json
from typing import Any

import pytest

from components.errors import SettingsError
from components.kinds import KINDS
from components.stack_files import check_place, parse
from tests.components.deployed import REGION, Declared, arn_of, declare, every, failures_of, only, table_arn

pytestmark = pytest.mark.mocks

PLATFORM, PARTNER = "111111111111", "222222222222"
OUTPUT = f"arn:aws:kinesis:{REGION}:111111111111:stream/outputStream"
GRANTED = {
    "partner": {
        "fan-out": {
            "roleArn": f"arn:aws:iam::{PARTNER}:role/fanout-receiver",
            "externalId": "fan-out-partner",
            "type": "kinesis",
            "destination": "partnerStream",
            "region": "eu-central-1",
        }
    }
}
TARGETS = {"partner": {"source": "inputStream", "receiver": {"stack": "partner"}, "retrySeconds": 60}}


def platform(**settings: Any) -> tuple[list[Declared], dict[str, Any]]:
    said = {"kind": "fan-out/platform", "sources": {"inputStream": {}}, **settings}
    declared, outputs = declare({"fan-out": said}, PLATFORM, GRANTED)
    return declared, outputs["fan-out"]


def allowed(declared: list[Declared], role: str) -> dict[str, set[str]]:
    """Action → what it is allowed on, in the policy of a function's role."""
    found: dict[str, set[str]] = {}
    for one in only(declared, "RolePolicy", role).policy():
        resources = [one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"]
        for action in one["Action"]:
            found.setdefault(action, set()).update(resources)
    return found


def test_a_declared_target_is_a_row_and_a_role_that_may_be_assumed() -> None:
    declared, _ = platform(targets=TARGETS)
    row = only(declared, "TableItem").inputs
    assert (row["hashKey"], row["rangeKey"], row["tableName"]) == ("sourceArn", "id", "fanoutTargets")
    assert json.loads(row["item"]) == {
        "sourceArn": {"S": f"arn:aws:kinesis:{REGION}:111111111111:stream/inputStream"},
        "id": {"S": "partner"},
        "type": {"S": "kinesis"},
        "destination": {"S": "partnerStream"},
        "region": {"S": "eu-central-1"},
        "role": {"S": f"arn:aws:iam::{PARTNER}:role/fanout-receiver"},
        "externalId": {"S": "fan-out-partner"},
        "retrySeconds": {"N": "60"},
        "active": {"BOOL": True},
        "declared": {"BOOL": True},
    }
    for role in ("source-policy", "drainer-policy"):
        assert allowed(declared, role)["sts:AssumeRole"] == {f"arn:aws:iam::{PARTNER}:role/fanout-receiver"}


def test_both_functions_reach_what_is_registered_and_nothing_else() -> None:
    queues = f"arn:aws:sqs:*:{PLATFORM}:orders-*"
    roles = f"arn:aws:iam::{PARTNER}:role/fan-out/*"
    key = f"arn:aws:kms:{REGION}:{PLATFORM}:key/1"
    declared, _ = platform(targetStreams={"outputStream": {}}, reaches=[queues], assumes=[roles], keyArns=[key])
    lanes = table_arn("fanoutLanes")
    for role in ("source-policy", "drainer-policy"):
        found = allowed(declared, role)
        assert found["kinesis:PutRecords"] == {OUTPUT}
        assert found["sqs:SendMessage"] == {queues}
        assert found["sts:AssumeRole"] == {roles}
        assert found["lambda:InvokeFunction"] == {f"arn:aws:lambda:{REGION}:{PLATFORM}:function:fanout-drainer"}
        assert found["dynamodb:UpdateItem"] == {lanes, f"{lanes}/index/behind"}
        assert found["dynamodb:Query"] == {lanes, f"{lanes}/index/behind", table_arn("fanoutTargets")}
        assert key in found["kms:GenerateDataKey"]
        assert "sns:Publish" not in found
        assert {action for action, on in found.items() if "*" in on} <= {"kinesis:ListStreams"}


def test_sources_that_are_not_hooked_may_be_read_and_are_not() -> None:
    theirs = f"arn:aws:kinesis:{REGION}:{PARTNER}:stream/orders"
    table = f"arn:aws:dynamodb:{REGION}:{PLATFORM}:table/logfile/stream/2026-11-28T20:00:00.000"
    sources = {
        "inputStream": {"enhancedFanOut": True},
        "orders": {"arn": f"{theirs}/consumer/fanout:1", "hook": False},
        "logfile": {"arn": table},
    }
    declared, outputs = platform(sources=sources)
    hooked = {one.inputs["eventSourceArn"] for one in every(declared, "EventSourceMapping")}
    assert hooked == {outputs["sources"]["inputStream"], table}
    assert "/consumer/" in outputs["sources"]["inputStream"]
    found = allowed(declared, "source-policy")
    assert f"{theirs}/consumer/fanout:1" in found["kinesis:SubscribeToShard"]
    assert found["dynamodb:GetRecords"] == {table}
    assert "kinesis:GetRecords" not in allowed(declared, "drainer-policy")


def test_the_drainer_is_woken_each_minute_by_its_rule_and_by_nobody_else() -> None:
    declared, outputs = platform()
    assert only(declared, "EventRule").inputs["scheduleExpression"] == "rate(1 minute)"
    permission = only(declared, "Permission").inputs
    assert (permission["principal"], permission["function"]) == ("events.amazonaws.com", "fanout-drainer")
    assert permission["sourceArn"] == arn_of("aws:cloudwatch/eventRule:EventRule", only(declared, "EventRule").name)
    invocations = only(declared, "FunctionEventInvokeConfig").inputs
    assert (invocations["maximumRetryAttempts"], invocations["maximumEventAgeInSeconds"]) == (0, 60)
    assert only(declared, "FunctionRecursionConfig").inputs["recursiveLoop"] == "Allow"
    assert outputs["drainerName"] == "fanout-drainer"


def test_both_functions_are_one_package_with_the_caches_libraries() -> None:
    declared, _ = platform()
    functions = {one.inputs["handler"]: one.inputs for one in every(declared, "Function")}
    assert functions.keys() == {"handlers.fan_out.source.handler", "handlers.fan_out.drainer.handler"}
    for inputs in functions.values():
        paths = set(inputs["code"].assets)
        assert {"redis/__init__.py", "pymemcache/__init__.py", "handlers/fan_out/rows.py"} <= paths
        variables = inputs["environment"]["variables"]
        assert variables["TARGETS_TABLE"] == "fanoutTargets"
        assert variables["FAILURE_BUCKET"] == failures_of(declared)


def test_backlogs_are_deleted_after_any_retry() -> None:
    declared, _ = platform(backlogDays=20)
    rules = only(declared, "BucketLifecycleConfiguration", "failures").inputs["rules"]
    assert {one["filter"]["prefix"]: one["expiration"]["days"] for one in rules if "expiration" in one} == {
        "backlog/": 20,
        "progress/": 1,
    }


def test_the_functions_join_a_network_only_when_it_is_said() -> None:
    assert all("vpcConfig" not in one.inputs for one in every(platform()[0], "Function"))
    reaches = [f"arn:aws:sns:{REGION}:{PLATFORM}:orders"]
    declared, outputs = platform(network={"services": ["sqs"]}, reaches=reaches)
    assert len([one for one in every(declared, "Function") if one.inputs["vpcConfig"]["subnetIds"]]) == 2
    endpoints = {one.inputs["serviceName"].rpartition(".")[2]: one.inputs for one in every(declared, "VpcEndpoint")}
    assert endpoints.keys() == {"dynamodb", "s3", "lambda", "sts", "sns", "sqs"}
    assert {name for name, one in endpoints.items() if one["vpcEndpointType"] == "Gateway"} == {"dynamodb", "s3"}
    assert {"vpcId", "subnetIds", "functionSecurityGroupId"} <= outputs.keys()


def receiver(target: dict[str, Any], **settings: Any) -> tuple[list[Declared], dict[str, Any]]:
    said = {"kind": "fan-out/receiver", "platform": {"accountId": PLATFORM}, "externalId": "x1", **settings}
    declared, outputs = declare({"fan-out": {**said, "target": target}}, PARTNER)
    return declared, outputs["fan-out"]


@pytest.mark.parametrize(
    ("target", "action", "destination"),
    [
        ({"stream": {"streamName": "partnerStream"}}, "kinesis:PutRecords", "partnerStream"),
        (
            {"arn": f"arn:aws:sqs:{REGION}:{PARTNER}:orders.fifo"},
            "sqs:SendMessage",
            f"https://sqs.{REGION}.amazonaws.com/{PARTNER}/orders.fifo",
        ),
        ({"arn": f"arn:aws:lambda:{REGION}:{PARTNER}:function:f"}, "lambda:InvokeFunction", None),
        (
            {"arn": f"arn:aws:iot:{REGION}:{PARTNER}:topic/t", "destination": "x-ats.iot.eu-west-1.amazonaws.com#t"},
            "iot:Publish",
            "x-ats.iot.eu-west-1.amazonaws.com#t",
        ),
    ],
)
def test_a_receivers_role_has_one_targets_permission(
    target: dict[str, Any], action: str, destination: str | None
) -> None:
    declared, outputs = receiver(target)
    found = allowed(declared, "fan-out-policy")
    assert {name for name in found if not name.startswith("kms:")} == {action}
    assert found[action] == {outputs["targetArn"]}
    assert outputs["destination"] == (destination or target["arn"])
    [trust] = only(declared, "Role").policy("assumeRolePolicy")
    assert trust["Principal"] == {"AWS": f"arn:aws:iam::{PLATFORM}:root"}
    assert trust["Condition"] == {
        "ArnEquals": {
            "aws:PrincipalArn": [f"arn:aws:iam::{PLATFORM}:role/fanout{name}-role" for name in ("", "-drainer")]
        },
        "StringEquals": {"sts:ExternalId": "x1"},
    }


@pytest.mark.parametrize("kind", ["queue", "topic"])
def test_a_receiver_makes_an_encrypted_queue_or_topic(kind: str) -> None:
    declared, outputs = receiver({kind: {f"{kind}Name": "orders.fifo"}})
    made = only(declared, kind.title()).inputs
    assert made[f"fifo{kind.title()}"] is True
    assert made["kmsMasterKeyId"] == arn_of("aws:kms/key:Key", only(declared, "Key").name)
    assert outputs["type"] == {"queue": "sqs", "topic": "sns"}[kind]


CACHE = "orders.a1b2c3.ng.0001.euw1.cache.amazonaws.com:6379"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"targets": {"one": {"source": "input", "type": "sqs", "destination": "x"}}}, r"must be one of .*inputStream"),
    (
        {"targets": {"one": {"source": "inputStream", "type": "sqss", "destination": "x"}}},
        r"`targets\.one\.type`.*'sqss'; it must be one of .*did you mean sqs\?",
    ),
    (
        {"targets": {"one": {"source": "inputStream", "receiver": {"stack": "partner"}, "type": "sqs"}}},
        r"has a `receiver`, whose stack says `type`: leave that out",
    ),
    (
        {"targets": {"one": {"source": "inputStream", "receiver": {"stack": "partner"}, "retrySeconds": -1}}},
        r"`targets\.one\.retrySeconds`: .*whole seconds",
    ),
    ({"reaches": ["arn:aws:sqs:eu-west-1:*:orders"]}, "it must be an ARN with its account"),
    ({"reaches": ["arn:aws:sqs:eu-west-1:111111111111:*"]}, "everything of an account is too much"),
    ({"reaches": ["arn:aws:s3:eu-west-1:111111111111:b"]}, "a service that records are sent to: aoss, es, firehose"),
    ({"assumes": ["arn:aws:iam::222222222222:role/*"]}, "must match"),
    ({"sources": {}}, "sources"),
    ({"sources": {"a stream": {}}}, "sources"),
    ({"backlogDays": 3}, "at least 15"),
    (
        {"targets": {"one": {"source": "inputStream", "type": "redis", "destination": CACHE}}},
        "reached only from inside of a network: say `network`",
    ),
    *(
        (
            {"network": {}, "targets": {"one": {"source": "inputStream", "type": kind, "destination": destination}}},
            r"`targets\.one\.destination`: .* is not reached from the network that the stack makes",
        )
        for kind, destination in (
            ("iot", "a1-ats.iot.eu-west-1.amazonaws.com#orders"),
            ("es", "search-orders-a1.eu-west-1.es.amazonaws.com#orders"),
            ("es", "a1.eu-west-1.aoss.amazonaws.com#orders"),
        )
    ),
    (
        {"reaches": [f"arn:aws:sqs:eu-west-1:111111111111:{'orders' * 10}-{number}" for number in range(60)]},
        "more than a role's policies can say",
    ),
]


@pytest.mark.parametrize(("settings", "told"), WRONG)
def test_what_cannot_be_is_told_before_anything_is_made(settings: dict[str, Any], told: str) -> None:
    found = {"kind": "fan-out/platform", "sources": {"inputStream": {}}, **settings}
    with pytest.raises(SettingsError, match=told):
        parse(KINDS, "Pulumi.test.yaml", {"fan-out": found})


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ({}, "exactly one of stream, queue, topic, arn; it says none"),
        ({"queue": {"queueName": "q"}, "topic": {"topicName": "t"}}, "it says queue, topic"),
        ({"queue": {"queueName": "a.queue"}}, r"nearest is 'a-queue'"),
        ({"arn": "arn:aws:sqs:eu-west-1:222222222222:orders-*"}, "must name one target"),
        ({"arn": "arn:aws:iot:eu-west-1:222222222222:topic/t"}, "goes with an `arn` of aoss, es, iot"),
    ],
)
def test_a_receiver_has_one_target(target: dict[str, Any], told: str) -> None:
    found = {"kind": "fan-out/receiver", "platform": {"accountId": PLATFORM}, "externalId": "x1", "target": target}
    with pytest.raises(SettingsError, match=told):
        parse(KINDS, "Pulumi.test.yaml", {"fan-out": found})


def test_a_receivers_instance_is_the_platforms_unless_it_is_said() -> None:
    found = {"kind": "fan-out/platform", "sources": {"inputStream": {}}, "targets": TARGETS}
    [peer] = parse(KINDS, "Pulumi.test.yaml", {"mine": found})["mine"].peers()
    assert (peer.stack, peer.instance) == ("partner", "mine")


def placed(**settings: Any) -> None:
    found = {"kind": "fan-out/platform", "sources": {"inputStream": {}}, **settings}
    parsed = parse(KINDS, "Pulumi.test.yaml", {"fan-out": found})
    check_place("Pulumi.test.yaml", PLATFORM, REGION, parsed)


def test_a_target_of_another_account_needs_a_role_or_its_owners_policy() -> None:
    topic = f"arn:aws:sns:{REGION}:{PARTNER}:orders"
    target = {"source": "inputStream", "type": "sns", "destination": topic}
    with pytest.raises(SettingsError, match=r"`tributary:architectures\.fan-out\.targets\.one` is arn:aws:sns.*`role`"):
        placed(targets={"one": target})
    placed(targets={"one": target}, reaches=[f"arn:aws:sns:{REGION}:{PARTNER}:ord*"])
    placed(targets={"one": {**target, "role": f"arn:aws:iam::{PARTNER}:role/fanout-receiver"}})
    placed(targets={"one": {**target, "destination": topic.replace(PARTNER, PLATFORM)}})


def test_a_source_of_another_region_is_told() -> None:
    far = {"orders": {"arn": f"arn:aws:kinesis:us-east-1:{PLATFORM}:stream/orders"}}
    with pytest.raises(SettingsError, match=r"sources\.orders\.arn.*own Region, eu-west-1"):
        placed(sources=far)


def test_what_is_declared_without_a_receiver_is_sent_to_by_its_own_action() -> None:
    queue = f"https://sqs.{REGION}.amazonaws.com/{PLATFORM}/alerts"
    one = {"source": "inputStream", "type": "sqs", "destination": queue, "filter": {"data": {"level": ["error"]}}}
    declared, _ = platform(targets={"alerts": one})
    assert allowed(declared, "drainer-policy")["sqs:SendMessage"] == {f"arn:aws:sqs:{REGION}:{PLATFORM}:alerts"}
    item = json.loads(only(declared, "TableItem").inputs["item"])
    assert item["filter"] == {"S": '{"data": {"level": ["error"]}}'}
