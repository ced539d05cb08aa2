"""A table replica as declared: the workshop's names and sizes, any keys, a replica here or elsewhere."""

import json
from typing import Any

import pytest

from components.errors import SettingsError
from tests.components.deployed import REGION, Declared, arn_of, declare, every, failures_of, only, table_arn

pytestmark = pytest.mark.mocks

ACCOUNT, OTHER = "444444444444", "999999999999"
WRITER = f"arn:aws:iam::{OTHER}:role/DDBReplicationWriter"
TABLE_ARN = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders"
MACHINE = arn_of("aws:sfn/stateMachine:StateMachine", "ddbreplica_lambda-backfill")
BACKFILLER = arn_of("aws:lambda/function:Function", "ddbreplica_lambda-backfill")
KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0a1b"
STREAM_ARN = f"{TABLE_ARN}/stream/2026-11-22T10:00:00.000"

Stack = tuple[list[Declared], dict[str, Any]]


def replica(peers: dict[str, Any] | None = None, **settings: Any) -> Stack:
    return declare({"logfile": {"kind": "table-replica", **settings}}, ACCOUNT, peers)


def far_end(**settings: Any) -> Stack:
    architecture = {"kind": "table-replica/far-end", "writer": {"accountId": ACCOUNT}, **settings}
    return declare({"logfile": architecture}, OTHER)


def actions(declared: list[Declared], role_policy: str) -> set[str]:
    allowed = only(declared, "RolePolicy", role_policy).policy()
    return {action for one in allowed for action in one["Action"] if action.startswith(("dynamodb:", "sts:"))}


READS_STREAM = {f"dynamodb:{action}" for action in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")}


def test_the_workshop_is_declared_as_published() -> None:
    declared, outputs = replica()
    for name, stream_view in (("logfile", "NEW_IMAGE"), ("logfile_replica", None)):
        [table] = [one.inputs for one in every(declared, "Table") if one.inputs["name"] == name]
        assert (table["hashKey"], table.get("rangeKey")) == ("PK", None)
        assert table["attributes"] == [{"name": "PK", "type": "S"}, {"name": "GSI_1_PK", "type": "S"}]
        assert (table["readCapacity"], table["writeCapacity"]) == (10, 5)
        assert table["tags"] == {"workshop-design-patterns": "targeted-for-cleanup"}
        assert table.get("streamViewType") == stream_view
        [index] = table["globalSecondaryIndexes"]
        assert index == {
            "name": "GSI_1",
            "keySchemas": [{"attributeName": "GSI_1_PK", "keyType": "HASH"}],
            "projectionType": "INCLUDE",
            "nonKeyAttributes": ["bytessent", "requestid", "host"],
            "readCapacity": 10,
            "writeCapacity": 5,
        }
    function = only(declared, "Function").inputs
    assert (function["name"], function["timeout"]) == ("ddbreplica_lambda", 60)
    bucket = failures_of(declared)
    assert function["environment"]["variables"] == {"REPLICA_TABLE": "logfile_replica", "FAILURE_BUCKET": bucket}
    assert only(declared, "Role").inputs["name"] == "DDBReplicationRole"
    mapping = only(declared, "EventSourceMapping").inputs
    assert (mapping["batchSize"], mapping["startingPosition"]) == (100, "TRIM_HORIZON")
    assert mapping["functionResponseTypes"] == ["ReportBatchItemFailures"]
    assert actions(declared, "replicator") == READS_STREAM | {"dynamodb:BatchWriteItem"}
    assert outputs["logfile"]["replicaTableName"] == "logfile_replica"


def test_any_keys_and_indexes_are_copied() -> None:
    declared, _ = replica(
        partitionKey={"name": "id", "type": "B"},
        sortKey={"name": "at", "type": "N"},
        indexes=[],
        source={"tableName": "orders", "streamView": "NEW_AND_OLD_IMAGES", "capacity": "on-demand"},
        replica={"tableName": "orders-copy", "capacity": "on-demand"},
    )
    for table in every(declared, "Table"):
        assert (table.inputs["hashKey"], table.inputs["rangeKey"]) == ("id", "at")
        assert table.inputs["attributes"] == [{"name": "id", "type": "B"}, {"name": "at", "type": "N"}]
        assert table.inputs["billingMode"] == "PAY_PER_REQUEST"


def test_an_existing_table_is_read_and_not_declared() -> None:
    declared, outputs = replica(source={"tableArn": TABLE_ARN, "streamArn": STREAM_ARN, "keyArn": KEY_ARN})
    assert [table.inputs["name"] for table in every(declared, "Table")] == ["logfile_replica"]
    assert only(declared, "EventSourceMapping").inputs["eventSourceArn"] == STREAM_ARN
    [decrypts] = [
        one
        for one in only(declared, "RolePolicy").policy()
        if "dynamodb" in str(one.get("Condition")) and "kms:Decrypt" in one["Action"]
    ]
    assert KEY_ARN in decrypts["Resource"]
    assert outputs["logfile"]["sourceTableName"] == "orders"


def test_a_guarded_replica_has_a_table_of_positions_that_forgets_removed_items() -> None:
    declared, outputs = replica(guarded=True, tombstoneDays=30)
    [positions] = [one.inputs for one in every(declared, "Table") if one.inputs["name"].endswith("-positions")]
    assert (positions["hashKey"], positions["billingMode"]) == ("PK", "PAY_PER_REQUEST")
    assert positions["ttl"] == {"enabled": True, "attributeName": "expires"}
    assert only(declared, "Function").inputs["environment"]["variables"] == {
        "REPLICA_TABLE": "logfile_replica",
        "POSITIONS_TABLE": "logfile_replica-positions",
        "TOMBSTONE_DAYS": "30",
        "FAILURE_BUCKET": failures_of(declared),
    }
    assert actions(declared, "replicator") == READS_STREAM | {"dynamodb:PutItem", "dynamodb:DeleteItem"}
    assert outputs["logfile"]["positionsTableName"] == "logfile_replica-positions"


GRANTED = {
    "writerRoleArn": WRITER,
    "region": "us-east-2",
    "replicaTableName": "logfile_replica",
    "positionsTableName": "",
}
LITERAL = {"roleArn": WRITER, "region": "us-east-2", "tableName": "logfile_replica"}


@pytest.mark.parametrize("where", [{"stack": "far"}, LITERAL], ids=["peer", "literal"])
def test_a_replica_elsewhere_is_written_by_its_role_alone(where: dict[str, str]) -> None:
    declared, outputs = replica({"far": {"logfile": GRANTED}}, replica=where, externalId="raven-7")
    assert [table.inputs["name"] for table in every(declared, "Table")] == ["logfile"]
    assert actions(declared, "replicator") == READS_STREAM | {"sts:AssumeRole"}
    assert only(declared, "Function").inputs["environment"]["variables"] == {
        "REPLICA_TABLE": "logfile_replica",
        "ROLE_ARN": WRITER,
        "REPLICA_REGION": "us-east-2",
        "EXTERNAL_ID": "raven-7",
        "FAILURE_BUCKET": failures_of(declared),
    }
    assert outputs["logfile"]["replicaRegion"] == "us-east-2"


def test_the_far_end_trusts_two_roles_and_lets_them_write_the_replica_only() -> None:
    declared, outputs = far_end(externalId="raven-7", guarded=True)
    [trust] = only(declared, "Role").policy("assumeRolePolicy")
    assert trust["Condition"] == {
        "ArnEquals": {
            "aws:PrincipalArn": [
                f"arn:aws:iam::{ACCOUNT}:role/DDBReplicationRole",
                f"arn:aws:iam::{ACCOUNT}:role/DDBReplicationRole-backfill",
            ]
        },
        "StringEquals": {"sts:ExternalId": "raven-7"},
    }
    item, position, _ = only(declared, "RolePolicy").policy()
    assert (item["Action"], item["Resource"]) == (
        ["dynamodb:PutItem", "dynamodb:DeleteItem"],
        table_arn("logfile_replica"),
    )
    assert (position["Action"], position["Resource"]) == (
        ["dynamodb:PutItem", "dynamodb:ConditionCheckItem"],
        table_arn("logfile_replica-positions"),
    )
    assert set(outputs["logfile"]) >= set(GRANTED)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"replica": {"tableNme": "x"}}, r"tableNme` is not a setting\. Did you mean `tableName`"),
        ({"source": {"tableArn": TABLE_ARN}}, r"source\.streamArn` is missing; it is required"),
        (
            {"source": {"tableArn": TABLE_ARN, "streamArn": STREAM_ARN.replace("orders", "other")}},
            "`streamArn` must be a stream of `tableArn`",
        ),
        ({"guarded": True, "replica": LITERAL}, "must name `positionsTableName`"),
        ({"partitionKey": {"name": "id", "type": "X"}}, r"partitionKey\.type` is 'X'; it must be 'S', 'N' or 'B'"),
    ],
)
def test_a_mistake_is_told_where_it_is(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        replica(**settings)


def test_bulk_operations_have_a_bucket_that_the_far_account_may_export_to_and_nothing_else() -> None:
    declared, outputs = replica({"far": {"logfile": GRANTED}}, replica={"stack": "far"}, bulk={})
    [grant] = [one for one in only(declared, "BucketPolicy", "exports").policy() if one["Effect"] == "Allow"]
    assert grant["Principal"] == {"AWS": f"arn:aws:iam::{OTHER}:root"}
    assert grant["Action"] == ["s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl"]
    assert grant["Resource"].endswith("/exports/*")
    [_, lent] = only(declared, "Key").policy()
    assert lent["Principal"] == grant["Principal"]
    assert lent["Condition"] == {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
    assert set(outputs["logfile"]["bulk"]) >= {"exportBucketName", "exportKeyArn"}


def test_without_bulk_nothing_of_it_is_declared() -> None:
    declared, outputs = replica()
    assert "bulk" not in outputs["logfile"]
    assert not [one for one in declared if "export" in one.name]
    assert len(only(declared, "Key").policy()) == 1


@pytest.mark.parametrize("guarded", [False, True])
def test_the_backfiller_reads_exports_and_writes_rows_that_are_not_there(guarded: bool) -> None:
    declared, outputs = replica(bulk={"maximumConcurrency": 7}, guarded=guarded)
    function = only(declared, "Function", "backfill").inputs
    assert (function["name"], function["timeout"]) == ("ddbreplica_lambda-backfill", 900)
    replicator = only(declared, "Function", "logfile-replicator").inputs
    variables = function["environment"]["variables"]
    shared = {name: text for name, text in replicator["environment"]["variables"].items() if name != "FAILURE_BUCKET"}
    assert variables == {**shared, "WRITE_THREADS": "8"}
    allowed = only(declared, "RolePolicy", "backfiller").policy()
    assert actions(declared, "backfiller") == {"dynamodb:PutItem"} | (
        {"dynamodb:ConditionCheckItem"} if guarded else set()
    )
    stored = {action: one["Resource"] for one in allowed for action in one["Action"] if action.startswith("s3:")}
    assert stored["s3:PutObject"].endswith("/backfill/*")
    assert set(stored) == {"s3:GetObject", "s3:PutObject", "s3:ListBucket"}
    assert outputs["logfile"]["bulk"]["maximumConcurrency"] == 7


def test_the_state_machine_may_run_its_function_and_itself_and_nothing_else() -> None:
    declared, outputs = replica(bulk={})
    machine = only(declared, "StateMachine")
    assert machine.inputs["type"] == "STANDARD"
    assert outputs["logfile"]["bulk"]["backfillMachineArn"] == MACHINE
    [role] = [one for one in every(declared, "Role") if one.name.endswith("backfill-role")]
    [trust] = role.policy("assumeRolePolicy")
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    allowed = {
        action: one["Resource"]
        for one in only(declared, "RolePolicy", "backfill-policy").policy()
        for action in one["Action"]
    }
    assert allowed["lambda:InvokeFunction"] == BACKFILLER
    assert allowed["states:StartExecution"] == MACHINE
    assert allowed["s3:PutObject"].endswith("/backfill/*")
    assert "*" not in [resource for resource in allowed.values() if isinstance(resource, str)]

    states = json.loads(machine.inputs["definition"])["States"]["Files"]
    assert states["MaxConcurrencyPath"] == "$.concurrency"
    child = states["ItemProcessor"]["States"]
    assert child["Write"]["Parameters"]["FunctionName"] == BACKFILLER
    # It is invoked again until the file is done.
    assert child["All written?"]["Default"] == "Write"
