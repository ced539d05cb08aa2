"""Both sides of a data lake, as declared: the published names and sizes, and permissions no wider than the use."""

import json
from collections.abc import Iterable
from typing import Any

import pulumi
import pytest

from components.data_lake.layout import Layout
from components.data_lake.producer import check_layout
from tests.components.deployed import REGION, Declared, arn_of, declare, every, only

pytestmark = pytest.mark.mocks

PRODUCER, CONSUMER = "777777777777", "888888888888"
KEY = f"arn:aws:kms:{REGION}:{CONSUMER}:key/1"
DELIVERY_ROLE = f"arn:aws:iam::{PRODUCER}:role/blog-srca-ddb-table-delivery-role"
SALT = "0123456789abcdef"
# How Pulumi marks a secret on its way to a provider:
# https://github.com/pulumi/pulumi/blob/master/sdk/go/common/resource/sig/sig.go
SECRET = "1b47061264138c4ac30d75fd1eb44270"

Stack = tuple[list[Declared], dict[str, Any]]


def lake(**settings: Any) -> Stack:
    return declare({"lake": {"kind": "data-lake", **settings}}, "666666666666")


def consumer(**settings: Any) -> Stack:
    said = {"kind": "data-lake/consumer", "producer": {"accountId": PRODUCER}, **settings}
    return declare({"lake": said}, CONSUMER)


def producer(granted: dict[str, Any] | None = None, **settings: Any) -> Stack:
    said = {"kind": "data-lake/producer", "lake": {"stack": "lake-consumer"}, **settings}
    outputs = granted if granted is not None else consumer()[1]["lake"]
    return declare({"lake": said}, PRODUCER, {"lake-consumer": {"lake": {**outputs, "keyArn": KEY}}})


def destination(declared: list[Declared]) -> dict[str, Any]:
    found: dict[str, Any] = only(declared, "FirehoseDeliveryStream").inputs["extendedS3Configuration"]
    return found


def parameters(declared: list[Declared]) -> dict[str, str]:
    [processor] = destination(declared)["processingConfiguration"]["processors"]
    return {one["parameterName"]: one["parameterValue"] for one in processor["parameters"]}


def environment(declared: list[Declared]) -> dict[str, str]:
    """The variables, which are secret as a whole when one of them is."""
    found = only(declared, "Function").inputs["environment"]
    variables: dict[str, str] = found.get("value", found)["variables"]
    return variables


def statements(declared: list[Declared]) -> Iterable[dict[str, Any]]:
    return (statement for policy in every(declared, "RolePolicy") for statement in policy.policy())


@pytest.mark.parametrize(("stack", "table"), [(lake, "blog-srsa-ddb-table"), (producer, "blog-srca-ddb-table")])
def test_the_published_names_and_sizes_hold_when_the_file_says_nothing(stack: Any, table: str) -> None:
    declared, _ = stack()
    assert only(declared, "Table").inputs["name"] == table
    assert only(declared, "Table").inputs["hashKey"] == "id"
    stream = only(declared, "Stream").inputs
    assert (stream["name"], stream["shardCount"]) == (f"{table}-data-stream", 10)
    delivery = only(declared, "FirehoseDeliveryStream").inputs
    assert delivery["name"] == f"{table}-delivery-stream"
    assert delivery["kinesisSourceConfiguration"]["kinesisStreamArn"].endswith(f"stream/{table}-data-stream")
    sizes = {key: destination(declared)[key] for key in ("bufferingSize", "bufferingInterval", "compressionFormat")}
    assert sizes == {"bufferingSize": 1, "bufferingInterval": 120, "compressionFormat": "UNCOMPRESSED"}
    assert destination(declared)["prefix"] == "changes/delivered_on=!{timestamp:yyyy-MM-dd}/"
    # What is the default is not said: the provider keeps it in no state.
    [said] = parameters(declared).items()
    assert (said[0], said[1].endswith(f"{table}-transform:$LATEST")) == ("LambdaArn", True)


def test_changes_are_streamed_only_when_the_delivery_stream_reads() -> None:
    streamed = only(lake()[0], "KinesisStreamingDestination").inputs
    assert streamed["approximateCreationDateTimePrecision"] == "MICROSECOND"
    declared, _ = lake(stream={"precision": "MILLISECOND"})
    assert only(declared, "KinesisStreamingDestination").inputs["approximateCreationDateTimePrecision"] == "MILLISECOND"


def test_the_consumer_lets_one_role_write_below_two_prefixes_and_use_its_key_through_s3() -> None:
    declared, _ = consumer()
    by_role = {"ArnEquals": {"aws:PrincipalArn": DELIVERY_ROLE}}
    *_, bucket, objects = only(declared, "BucketPolicy", "lake-policy").policy()
    arn = arn_of("aws:s3/bucket:Bucket", only(declared, "Bucket", "lake-bucket").name)
    for granted in (bucket, objects):
        assert granted["Principal"] == {"AWS": f"arn:aws:iam::{PRODUCER}:root"}
        assert granted["Condition"] == by_role
    assert objects["Action"] == ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    assert objects["Resource"] == [f"{arn}/changes/*", f"{arn}/errors/*"]
    _, encrypts = only(declared, "Key").policy()
    assert encrypts["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert encrypts["Condition"] == {**by_role, "StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}


def test_the_bucket_refuses_plain_http_and_other_keys() -> None:
    declared, _ = lake()
    http, other_keys = only(declared, "BucketPolicy", "lake-policy").policy()
    assert http["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (other_keys["Effect"], other_keys["Action"]) == ("Deny", "s3:PutObject")
    key_arn = arn_of("aws:kms/key:Key", "lake-key")
    assert other_keys["Condition"] == {
        "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key_arn},
    }
    rules = {one["id"]: one for one in only(declared, "BucketLifecycleConfiguration", "lake-life").inputs["rules"]}
    assert rules["expire-errors"]["filter"] == {"prefix": "errors/"}
    assert rules["expire-errors"]["expiration"] == {"days": 90}
    assert rules["expire-old-versions"]["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert "expire" not in rules


def test_one_key_encrypts_what_moves_and_the_other_accounts_what_arrives() -> None:
    declared, _ = producer()
    key = only(declared, "Key")
    own = arn_of("aws:kms/key:Key", key.name)
    assert key.inputs["enableKeyRotation"] is True
    assert only(declared, "Stream").inputs["kmsKeyId"] == own
    assert only(declared, "Table").inputs["serverSideEncryption"]["kmsKeyArn"] == own
    assert only(declared, "Function").inputs["kmsKeyArn"] == own
    assert {group.inputs["kmsKeyId"] for group in every(declared, "LogGroup")} == {own}
    assert destination(declared)["kmsKeyArn"] == KEY
    _, logs = key.policy()
    assert logs["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
    groups = logs["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"]
    assert {arn.split(":log-group:")[1] for arn in groups} == {
        group.inputs["name"] for group in every(declared, "LogGroup")
    }


def test_a_wildcard_resource_is_only_where_aws_has_no_resource_level() -> None:
    for declared, _ in (lake(bucket={"replica": {"region": "eu-central-1"}}), producer(), consumer()):
        wide = {action for one in statements(declared) if one["Resource"] == "*" for action in one["Action"]}
        assert {action.split(":")[0] for action in wide} <= {"ec2"}
        assert not any("*" in action for one in statements(declared) for action in one["Action"])


def test_the_functions_code_itself_touches_no_network_interface() -> None:
    declared, _ = lake()
    [denied] = [one for one in only(declared, "RolePolicy", "transform").policy() if one["Effect"] == "Deny"]
    [allowed] = [
        one
        for one in only(declared, "RolePolicy", "transform").policy()
        if one["Effect"] == "Allow" and one["Action"][0].startswith("ec2:")
    ]
    assert denied["Action"] == allowed["Action"]
    assert "function:blog-srsa-ddb-table-transform" in str(denied["Condition"])


def test_the_network_has_no_way_out_and_one_endpoint() -> None:
    declared, _ = lake()
    assert every(declared, "InternetGateway") == every(declared, "NatGateway") == []
    assert only(declared, "RouteTable").inputs["routes"] == []
    subnets = every(declared, "Subnet")
    # They are registered side by side.
    assert sorted(one.inputs["cidrBlock"] for one in subnets) == ["10.0.0.0/26", "10.0.0.64/26"]
    assert len({one.inputs["availabilityZone"] for one in subnets}) == 2
    endpoint = only(declared, "VpcEndpoint").inputs
    assert endpoint["serviceName"] == f"com.amazonaws.{REGION}.kinesis-streams"
    [out], [inward] = every(declared, "SecurityGroupEgressRule"), every(declared, "SecurityGroupIngressRule")
    assert out.inputs["referencedSecurityGroupId"] == inward.inputs["securityGroupId"]
    assert inward.inputs["referencedSecurityGroupId"] == out.inputs["securityGroupId"]


def test_an_existing_network_is_used_as_it_is() -> None:
    declared, _ = lake(network={"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]})
    assert every(declared, "Vpc") == every(declared, "VpcEndpoint") == []
    network = only(declared, "Function").inputs["vpcConfig"]
    assert (network["subnetIds"], network["securityGroupIds"]) == (["subnet-1"], ["sg-1"])


def test_an_existing_table_is_streamed_and_not_declared() -> None:
    declared, outputs = lake(table={"tableArn": f"arn:aws:dynamodb:{REGION}:666666666666:table/people"})
    assert every(declared, "Table") == []
    assert only(declared, "KinesisStreamingDestination").inputs["tableName"] == "people"
    assert outputs["lake"]["deliveryStreamName"] == "people-delivery-stream"


def test_the_transforms_options_reach_the_function_and_its_salt_stays_secret() -> None:
    transform = {"oldImage": True, "keepNested": True, "drop": ["ssn"], "hash": ["email"], "salt": SALT}
    declared, _ = lake(transform=transform, layout={"partitionBy": "address.country"}, delivery={"bufferMb": 64})
    assert environment(declared) == {
        "OLD_IMAGE": "true",
        "KEEP_NESTED": "true",
        "WHOLE_ITEMS": "false",
        "DROP_ATTRIBUTES": '["ssn"]',
        "HASH_ATTRIBUTES": '["email"]',
        "HASH_SALT": SALT,
        "PARTITION_KEYS": '{"address_country": "address.country"}',
    }
    assert SECRET in only(declared, "Function").inputs["environment"].values()
    assert destination(declared)["dynamicPartitioningConfiguration"] == {"enabled": True}
    assert destination(declared)["prefix"].endswith("/address_country=!{partitionKeyFromLambda:address_country}/")


def test_the_catalogues_table_reads_only_the_folders_of_the_days_that_are_asked_for() -> None:
    declared, _ = consumer(layout={"columns": {"name": "string"}}, sortKey={"name": "At", "type": "N"})
    table = only(declared, "CatalogTable", "changes").inputs
    bucket = f"id-of-{only(declared, 'Bucket', 'lake-bucket').name}"
    assert table["parameters"]["storage.location.template"] == (
        f"s3://{bucket}/changes/delivered_on=${{delivered_on}}/"
    )
    assert table["partitionKeys"] == [{"name": "delivered_on", "type": "string"}]
    columns = [one["name"] for one in table["storageDescriptor"]["columns"]]
    assert columns[-3:] == ["id", "at", "name"]
    assert {"change_event", "change_order", "change_key"} <= set(columns)


def test_parquet_takes_its_columns_from_a_table_of_the_deliverys_own_account() -> None:
    layout = {"format": "parquet", "columns": {"name": "string"}}
    declared, _ = producer(consumer(layout=layout)[1]["lake"], layout=layout, delivery={"bufferMb": 64})
    conversion = destination(declared)["dataFormatConversionConfiguration"]
    assert conversion["schemaConfiguration"]["databaseName"] == "tributary_lake_columns"
    serde = only(declared, "CatalogTable").inputs["storageDescriptor"]["serDeInfo"]["serializationLibrary"]
    assert serde.endswith("ParquetHiveSerDe")
    [reads] = [one for one in only(declared, "RolePolicy", "lake-policy").policy() if "glue:GetTable" in one["Action"]]
    assert len(reads["Resource"]) == 3


def test_a_copy_in_another_region_has_a_key_of_its_own() -> None:
    declared, outputs = lake(bucket={"replica": {"region": "eu-central-1"}})
    copy, key = only(declared, "Bucket", "replica"), only(declared, "Key", "replica")
    assert copy.inputs["region"] == key.inputs["region"] == "eu-central-1"
    [rule] = only(declared, "BucketReplicationConfig").inputs["rules"]
    assert rule["sourceSelectionCriteria"] == {"sseKmsEncryptedObjects": {"status": "Enabled"}}
    assert rule["destination"]["encryptionConfiguration"] == {"replicaKmsKeyId": arn_of("aws:kms/key:Key", key.name)}
    assert outputs["lake"]["replicaBucketName"] == f"id-of-{copy.name}"


def test_every_alarm_names_its_dimensions_and_is_on_the_dashboard() -> None:
    way = {
        "DeliveryToS3.DataFreshness",
        "DeliveryToS3.Success",
        "ExecuteProcessing.Success",
        "GetRecords.IteratorAgeMilliseconds",
        "ReadProvisionedThroughputExceeded",
        "Unreadable",
    }
    store = {"4xxErrors"}
    for (declared, _), watched in ((lake(), way | store), (producer(), way), (consumer(), store)):
        dashboard = only(declared, "Dashboard").inputs["dashboardBody"]
        inputs = [one.inputs for one in every(declared, "MetricAlarm")]
        alarms = {one["metricName"]: one["dimensions"] for one in inputs if "metricName" in one}
        assert set(alarms) >= watched
        for metric, dimensions in alarms.items():
            assert all(dimensions.values())
            assert json.dumps(metric) in dashboard


def test_deletion_protection_can_be_turned_off() -> None:
    declared, _ = lake(deletionProtection=False, bucket={"replica": {"region": "eu-central-1"}})
    assert only(declared, "Table").inputs["deletionProtectionEnabled"] is False
    assert {bucket.inputs["forceDestroy"] for bucket in every(declared, "Bucket")} == {True}


def test_both_sides_say_the_layout_alike() -> None:
    granted = {"layout": Layout().model_dump(by_alias=True), "bucketName": "b", "keyArn": KEY}
    assert check_layout("lake-consumer", Layout(), granted) == granted
    with pytest.raises(pulumi.RunError, match=r"`layout\.compression` is 'GZIP' here and 'UNCOMPRESSED' in stack"):
        check_layout("lake-consumer", Layout(compression="GZIP"), granted)


def test_bulk_has_a_function_that_reads_exports_and_puts_into_the_stream_and_no_more() -> None:
    hidden = {"hash": ["email"], "salt": SALT}
    declared, outputs = lake(bulk={"maximumConcurrency": 7}, transform=hidden)
    function = only(declared, "Function", "backfill").inputs
    assert function["name"] == "blog-srsa-ddb-table-export"
    assert function["kmsKeyArn"] == only(declared, "LogGroup", "backfill").inputs["kmsKeyId"]
    variables = {name: function["environment"]["value"]["variables"] for name, function in functions(declared).items()}
    own = {name: text for name, text in variables["export"].items() if name != "STREAM_ARN"}
    assert own == variables["transform"]
    assert variables["export"]["STREAM_ARN"].endswith("stream/blog-srsa-ddb-table-data-stream")
    packaged = {path for path in function["code"].assets if path.endswith("/main.py")}
    assert packaged == {"handlers/lake_exporter/main.py", "handlers/lake_transformer/main.py"}

    allowed = {
        action: one["Resource"]
        for one in only(declared, "RolePolicy", "backfiller").policy()
        for action in one["Action"]
    }
    assert {action for action in allowed if action.startswith("kinesis:")} == {"kinesis:PutRecords"}
    assert written(declared) == {"backfill", "verify"}
    assert {action for action in allowed if action.startswith("dynamodb:")} == set()
    files = json.loads(only(declared, "StateMachine").inputs["definition"])["States"]["Files"]
    assert files["ItemSelector"]["work.$"] == "$.work"
    assert outputs["lake"]["bulk"]["maximumConcurrency"] == 7
    [logs] = [one for one in only(declared, "Key").policy() if "Service" in one["Principal"]]
    assert "/aws/lambda/blog-srsa-ddb-table-export" in json.dumps(logs)


def written(declared: list[Declared]) -> set[str]:
    """The folders that the exporter may write into."""
    statements = only(declared, "RolePolicy", "backfiller").policy()
    found = [one["Resource"] for one in statements if "s3:PutObject" in one["Action"]]
    return {resource.split("/")[-2] for resource in found}


def test_in_another_account_rows_of_exports_are_brought_by_one_role_that_the_consumer_names() -> None:
    def granted(declared: list[Declared], role: str) -> list[Any]:
        policies = [only(declared, "BucketPolicy", "lake-work").policy(), only(declared, "Key").policy()]
        by_role = {"aws:PrincipalArn": f"arn:aws:iam::{PRODUCER}:role/{role}"}
        found = [one for policy in policies for one in policy if one.get("Condition", {}).get("ArnEquals") == by_role]
        return [(one["Action"], str(one["Resource"]).rpartition("/")[0].rpartition("/")[2]) for one in found]

    role = "blog-srca-ddb-table-export-role"
    open_, outputs = consumer(producer={"accountId": PRODUCER, "exportRoleName": role})
    assert granted(open_, role) == [(["s3:PutObject"], "verify"), (["kms:GenerateDataKey"], "")]
    assert granted(consumer()[0], role) == []

    declared, told = producer(outputs["lake"], bulk={})
    assert only(declared, "Role", "backfiller").inputs["name"] == role
    assert written(declared) == {"backfill", "verify"}
    rows = f"arn:aws:s3:::{outputs['lake']['workBucketName']}/verify/*"
    assert rows in [one["Resource"] for one in only(declared, "RolePolicy", "backfiller").policy()]
    assert told["lake"]["exportBucketName"] == f"id-of-{only(declared, 'Bucket').name}"


def functions(declared: list[Declared]) -> dict[str, dict[str, Any]]:
    return {one.inputs["name"].rpartition("-")[2]: one.inputs for one in every(declared, "Function")}


def test_without_bulk_nothing_of_it_is_declared() -> None:
    declared, outputs = lake()
    assert "bulk" not in outputs["lake"]
    assert every(declared, "StateMachine") == []


def test_an_own_handler_replaces_the_code() -> None:
    handler = {"folder": "handlers/lake_transformer", "entry": "main.handler", "environment": {"COLOUR": "1"}}
    declared, _ = lake(transform={"handler": handler})
    function = only(declared, "Function").inputs
    assert (function["handler"], environment(declared)) == ("main.handler", {"COLOUR": "1"})
