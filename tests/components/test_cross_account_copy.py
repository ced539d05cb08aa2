"""Both sides of a cross-account copy, as declared: names, sizes, and permissions that are no wider than the use."""

from collections.abc import Iterable
from typing import Any

import pytest

from tests.components.deployed import REGION, Declared, arn_of, declare, every, failures_of, only, table_arn

pytestmark = pytest.mark.mocks

SOURCE_ACCOUNT, TARGET_ACCOUNT = "111111111111", "999999999999"
WRITER_ROLE = f"arn:aws:iam::{TARGET_ACCOUNT}:role/DynamoDB-ProdAnalyticsWrite-role"
TABLE = "prod-raven-lambda-webanalytics-crossaccount"
GRANTED = {"copy": {"writerRoleArn": WRITER_ROLE, "region": REGION, "tables": {"table": TABLE}}}

Stack = tuple[list[Declared], dict[str, Any]]


def target(**settings: Any) -> Stack:
    architecture = {"kind": "cross-account-copy/target", "writer": {"accountId": SOURCE_ACCOUNT}, **settings}
    return declare({"copy": architecture}, TARGET_ACCOUNT)


def source(granted: dict[str, Any] = GRANTED, **settings: Any) -> Stack:
    architecture = {"kind": "cross-account-copy/source", "target": {"stack": "poc"}, **settings}
    return declare({"copy": architecture}, SOURCE_ACCOUNT, {"poc": granted})


def statements(declared: list[Declared]) -> Iterable[dict[str, Any]]:
    return (statement for policy in every(declared, "RolePolicy") for statement in policy.policy())


def actions_on(declared: list[Declared], role_policy: str, service: str) -> set[str]:
    allowed = only(declared, "RolePolicy", role_policy).policy()
    return {action for statement in allowed for action in statement["Action"] if action.startswith(f"{service}:")}


def test_the_writer_role_trusts_one_role_of_the_other_account_and_lets_it_write_the_table_only() -> None:
    declared, outputs = target(externalId="raven-7")
    role = only(declared, "Role", "writer-role")
    assert role.inputs["name"] == "DynamoDB-ProdAnalyticsWrite-role"
    assert role.policy("assumeRolePolicy") == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{SOURCE_ACCOUNT}:root"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{SOURCE_ACCOUNT}:role/LambdaKinesisDynamo"},
                "StringEquals": {"sts:ExternalId": "raven-7"},
            },
        }
    ]
    table = only(declared, "Table")
    writes, uses_key = only(declared, "RolePolicy", "writer-policy").policy()
    assert (writes["Action"], writes["Resource"]) == (["dynamodb:BatchWriteItem"], [table_arn(TABLE)])
    assert uses_key["Condition"] == {"StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}}
    assert table.inputs["name"] == TABLE == outputs["copy"]["tables"]["table"]


def test_the_copier_may_read_its_stream_and_assume_one_role() -> None:
    declared, _ = source()
    [assumes] = [one for one in only(declared, "RolePolicy", "copier").policy() if "sts:AssumeRole" in one["Action"]]
    assert assumes["Resource"] == WRITER_ROLE
    assert actions_on(declared, "copier", "kinesis") == {
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
        "kinesis:ListStreams",
    }
    assert actions_on(declared, "copier", "dynamodb") == set()
    environment = only(declared, "Function").inputs["environment"]["variables"]
    assert environment == {"ROLE_ARN": WRITER_ROLE, "TARGET_REGION": REGION, "TABLE_NAME": TABLE} | {
        "FAILURE_BUCKET": failures_of(declared)
    }


def test_a_wildcard_resource_is_only_where_aws_has_no_resource_level() -> None:
    for declared, _ in (target(clickStream={}), source(enhancedFanOut=True)):
        wide = {action for one in statements(declared) if one["Resource"] == "*" for action in one["Action"]}
        assert wide <= {"kinesis:ListStreams", "dynamodb:ListStreams"}
        assert not any("*" in action for one in statements(declared) for action in one["Action"])


def test_every_service_role_serves_its_own_account_only() -> None:
    for (declared, _), account_id in ((target(clickStream={}), TARGET_ACCOUNT), (source(), SOURCE_ACCOUNT)):
        for role in every(declared, "Role"):
            [trust] = role.policy("assumeRolePolicy")
            if "Service" in trust["Principal"]:
                assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": account_id}}


def test_an_outage_waits_in_the_stream_and_a_function_sets_aside_under_its_own_prefix() -> None:
    for declared, _ in (source(), target(clickStream={})):
        for mapping in every(declared, "EventSourceMapping"):
            assert mapping.inputs["maximumRetryAttempts"] == -1
    declared, _ = source()
    bucket = arn_of("aws:s3/bucket:Bucket", only(declared, "Bucket").name)
    mine = {
        (action, resource)
        for one in only(declared, "RolePolicy").policy()
        for action in one["Action"]
        if action.endswith("Object")
        for resource in ([one["Resource"]] if isinstance(one["Resource"], str) else one["Resource"])
    }
    assert mine == {
        ("s3:PutObject", f"{bucket}/aws/lambda/*"),
        ("s3:PutObject", f"{bucket}/poison/ProdKinesisToPocDynamo/*"),
        *((f"s3:{verb}Object", f"{bucket}/progress/ProdKinesisToPocDynamo/*") for verb in ("Put", "Get", "Delete")),
    }


def test_mappings_are_ordered_bounded_and_keep_whole_what_fails() -> None:
    declared, _ = source(copier={"name": "copier", "batchSize": 300, "timeoutSeconds": 120, "maximumRetryAttempts": 3})
    mapping = only(declared, "EventSourceMapping").inputs
    assert mapping["startingPosition"] == "TRIM_HORIZON"
    assert mapping["batchSize"] == 300
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["bisectBatchOnFunctionError"] is True
    assert mapping["maximumRetryAttempts"] == 3
    assert mapping["maximumRecordAgeInSeconds"] == 12 * 60 * 60
    failures = only(declared, "Bucket")
    assert mapping["destinationConfig"] == {
        "onFailure": {"destinationArn": arn_of("aws:s3/bucket:Bucket", failures.name)}
    }


def test_enhanced_fan_out_reads_through_a_consumer_of_its_own() -> None:
    declared, _ = source(enhancedFanOut=True)
    consumer = only(declared, "StreamConsumer")
    reads = only(declared, "EventSourceMapping").inputs["eventSourceArn"]
    assert reads == arn_of("aws:kinesis/streamConsumer:StreamConsumer", "ProdKinesisToPocDynamo")
    assert consumer.inputs["name"] == "ProdKinesisToPocDynamo"
    assert {"kinesis:SubscribeToShard", "kinesis:DescribeStreamConsumer"} <= actions_on(declared, "copier", "kinesis")


def test_data_is_encrypted_recoverable_and_protected() -> None:
    declared, _ = target(clickStream={}, index={"attribute": "userid"})
    for table in every(declared, "Table"):
        assert table.inputs["serverSideEncryption"]["enabled"] is True
        assert table.inputs["pointInTimeRecovery"] == {"enabled": True}
        assert table.inputs["deletionProtectionEnabled"] is True
    buckets = every(declared, "Bucket")
    assert [bucket.inputs["forceDestroy"] for bucket in buckets] == [False, False]
    for setting in ("BucketPublicAccessBlock", "BucketServerSideEncryptionConfiguration", "BucketVersioning"):
        assert len(every(declared, setting)) == len(buckets)
    for policy in every(declared, "BucketPolicy"):
        [denied] = policy.policy()
        assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    [index] = only(declared, "Table", "copy-table").inputs["globalSecondaryIndexes"]
    assert (index["name"], index["keySchemas"]) == (
        "userid-index",
        [{"attributeName": "userid", "keyType": "HASH"}],
    )


def test_deletion_protection_can_be_turned_off() -> None:
    declared, _ = target(deletionProtection=False)
    assert only(declared, "Table").inputs["deletionProtectionEnabled"] is False
    assert [bucket.inputs["forceDestroy"] for bucket in every(declared, "Bucket")] == [True, True]


def test_a_table_a_week_with_the_older_ones_in_cold_storage() -> None:
    declared, outputs = target(weekly={"current": "2026-W47", "older": ["2026-W46"]})
    tables = {label: f"{TABLE}-{label}" for label in ("2026-W46", "2026-W47", "2026-W48", "older")}
    assert outputs["copy"]["tables"] == tables
    classes = {table.inputs["name"]: table.inputs["tableClass"] for table in every(declared, "Table")}
    assert classes == {
        tables["2026-W46"]: "STANDARD_INFREQUENT_ACCESS",
        tables["older"]: "STANDARD_INFREQUENT_ACCESS",
        tables["2026-W47"]: "STANDARD",
        tables["2026-W48"]: "STANDARD",
    }
    assert len(every(declared, "EventSourceMapping")) == len(tables)

    declared, _ = source({"copy": {**GRANTED["copy"], "tables": tables}})
    variables = only(declared, "Function").inputs["environment"]["variables"]
    assert variables["OLDER_TABLE"] == tables["older"]
    assert variables["WEEKLY_TABLES"] == (
        f'{{"2026-W46": "{TABLE}-2026-W46", "2026-W47": "{TABLE}-2026-W47", "2026-W48": "{TABLE}-2026-W48"}}'
    )


def test_functions_carry_only_their_own_code_and_have_their_log_group_first() -> None:
    declared, _ = target(clickStream={})
    groups = {group.inputs["name"]: group.inputs["retentionInDays"] for group in every(declared, "LogGroup")}
    for function in every(declared, "Function"):
        assert groups[f"/aws/lambda/{function.inputs['name']}"] == 30
        package = function.inputs["handler"].split(".")[1]
        paths = set(function.inputs["code"].assets)
        assert f"handlers/{package}/main.py" in paths
        assert all(path.startswith((f"handlers/{package}/", "handlers/shared/", "handlers/__init__")) for path in paths)
