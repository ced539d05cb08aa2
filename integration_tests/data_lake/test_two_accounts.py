"""Changes of a table in one account reach the lake of another: only there, by one role, and in spite of what breaks."""

import base64
import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from integration_tests.data_lake import flights
from integration_tests.data_lake.lake import INSTANCE, REGION, TWO_ACCOUNTS, Lake, deployed_lake, designations
from integration_tests.support.addressing import Clients, Cloud, statement
from integration_tests.support.deployments import NEW_ACCOUNTS_DIFFER, PROJECT, left, prepare
from integration_tests.support.packaging import zipped
from integration_tests.support.typing_commands import typed_in
from localcloud.faults import Faults
from operations import deploying
from operations.diagram import mermaid
from operations.errors import StackError

pytestmark = pytest.mark.local

Eventually = Callable[..., Any]


@pytest.fixture(scope="module")
def lake(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with ExitStack() as cleanup:
        yield deployed_lake(cloud, tmp_path_factory.mktemp("lake"), cleanup, TWO_ACCOUNTS)


def chris(designation: str) -> dict[str, Any]:
    return {"id": {"S": "864732"}, "name": {"S": "Chris"}, "Designation": {"S": designation}}


STATES = [("Chris", "Senior Consultant"), ("Chris", "Principal Consultant")]


def test_both_states_of_the_item_are_in_the_other_accounts_lake(
    lake: Lake, eventually: Eventually, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for _, designation in STATES:
        lake.put(chris(designation))

    eventually(lambda: designations(lake.rows()), equals=STATES, timeout=60)
    s3, bucket = lake.consumer.s3, lake.store["bucketName"]
    assert {s3.head_object(Bucket=bucket, Key=key)["SSEKMSKeyId"] for key in lake.object_keys()} == {
        lake.store["keyArn"]
    }
    code, out, err = typed_in(lake.engine, monkeypatch, capsys)(
        "query", "lake-consumer", "select name, designation from latest", "--json"
    )
    assert code == 0, err
    assert json.loads(out) == [{"name": "Chris", "designation": "Principal Consultant"}]
    catalogued = lake.consumer.glue.get_table(DatabaseName=lake.store["queryDatabase"], Name="changes")["Table"]
    columns = {column["Name"] for column in catalogued["StorageDescriptor"]["Columns"]}
    assert columns >= {"id", "name", "designation", "change_event"}
    assert all(re.fullmatch(r"changes/delivered_on=\d{4}-\d\d-\d\d/[^/]+", key) for key in lake.object_keys())


def test_a_consumer_by_literal_values_is_the_same_deployment(lake: Lake) -> None:
    file = lake.engine.folder / "Pulumi.lake-producer.yaml"
    committed = file.read_text()
    content = yaml.safe_load(committed)
    said = content["config"]["tributary:architectures"][INSTANCE]
    said["lake"] = {
        "accountId": lake.consumer.account_id,
        "bucketName": lake.store["bucketName"],
        "keyArn": lake.store["keyArn"],
    }
    file.write_text(yaml.safe_dump(content))
    try:
        lake.engine.run(["preview", "--expect-no-changes", "--stack", "lake-producer"])
    finally:
        file.write_text(committed)


@pytest.mark.parametrize(
    ("region", "told"), [(None, "there is no such bucket"), ("eu-west-1", "which is in eu-west-1, but the stack is in")]
)
def test_a_bucket_that_cannot_be_the_lake_is_told_before_anything_is_deployed(
    cloud: Cloud,
    account: Callable[[], str],
    tmp_path: Path,
    unique: Callable[[str], str],
    region: str | None,
    told: str,
) -> None:
    owner, bucket = account(), unique("lake")
    if region is not None:
        s3 = Clients(cloud.session(owner), owner, cloud.endpoint, region).s3
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
    access = {"accountId": owner, "bucketName": bucket, "keyArn": f"arn:aws:kms:{REGION}:{owner}:key/1"}
    engine = prepare(cloud, tmp_path, {"lake-producer": {"lake": access}}, {TWO_ACCOUNTS["lake-producer"]: account()})
    with pytest.raises(StackError, match=rf"lake\.bucketName` is '{bucket}', .*{told}"):
        deploying.up(engine, ["lake-producer"], yes=True)
    assert engine.deployed() == []


def test_the_picture_in_the_docs_is_the_one_of_the_deployed_stacks(lake: Lake) -> None:
    drawn = mermaid({stack: lake.engine.resources(stack) for stack in TWO_ACCOUNTS})
    for committed, used in lake.accounts.items():
        drawn = drawn.replace(used, committed)
    # The story's buffer is quicker than the published one.
    drawn = drawn.replace("1 s or 1 MB", "120 s or 1 MB")
    [shown] = re.findall(r"```mermaid\n(.*?)```", (PROJECT / "docs" / "data-lake.md").read_text(), flags=re.DOTALL)
    assert shown == drawn


@pytest.mark.parametrize("whose", ["the producer's", "a third account's"])
def test_no_role_of_another_account_reads_the_lake(
    lake: Lake, account: Callable[[], str], principal: Callable[..., Clients], whose: str
) -> None:
    account_id = lake.producer.account_id if whose == "the producer's" else account()
    reader = principal(account_id, [statement("s3:*"), statement("kms:*")])
    bucket, key = lake.store["bucketName"], lake.object_keys()[0]
    assert refusal(reader.s3.get_object, Bucket=bucket, Key=key) == "AccessDenied"
    assert refusal(reader.s3.list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert refusal(reader.s3.put_object, Bucket=bucket, Key="changes/x", Body=b"x") == "AccessDenied"


def test_the_lake_takes_nothing_without_its_own_key_or_tls(lake: Lake, principal: Callable[..., Clients]) -> None:
    owner = principal(lake.consumer.account_id, [statement("s3:*"), statement("kms:*")])
    other_key = lake.consumer.kms.create_key()["KeyMetadata"]["Arn"]
    put = {"Bucket": lake.store["bucketName"], "Key": "changes/by-hand", "Body": b"{}"}
    right = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": lake.store["keyArn"]}

    assert refusal(owner.s3.put_object, **put) == "AccessDenied"
    assert refusal(owner.s3.put_object, **put, ServerSideEncryption="AES256") == "AccessDenied"
    assert refusal(owner.s3.put_object, **put, ServerSideEncryption="aws:kms", SSEKMSKeyId=other_key) == "AccessDenied"
    with plain_http(owner):
        assert refusal(owner.s3.put_object, **put, **right) == "AccessDenied"

    owner.s3.put_object(**put, **right)
    owner.s3.delete_object(Bucket=put["Bucket"], Key=put["Key"])
    lake.consumer.kms.schedule_key_deletion(KeyId=other_key)


def test_what_a_denying_bucket_delays_is_told_and_arrives(lake: Lake, eventually: Eventually) -> None:
    s3, bucket = lake.consumer.s3, lake.store["bucketName"]
    policy = s3.get_bucket_policy(Bucket=bucket)["Policy"]
    denies = [one for one in json.loads(policy)["Statement"] if one["Effect"] == "Deny"]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": denies}))
    try:
        lake.put(numbered("bucket"))
        eventually(lambda: "S3.AccessDenied" in lake.logged(), timeout=60)
        eventually(lambda: "delivery-success" in lake.alarms(), timeout=60)
        eventually(lambda: "lake-refusals" in lake.store_alarms(), timeout=60)
        assert "tributary-lake-lake-refusals: this alarm is on" in lake.problems("lake-consumer")
        assert rows_of(lake, "bucket") == 0
    finally:
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    eventually(lambda: rows_of(lake, "bucket"), equals=1, timeout=60)


def test_what_a_disabled_key_delays_is_told_and_arrives(lake: Lake, eventually: Eventually) -> None:
    kms, key = lake.consumer.kms, lake.store["keyArn"]
    before = refusals(lake)
    kms.disable_key(KeyId=key)
    try:
        lake.put(numbered("key"))
        eventually(lambda: any("KMS" in code or "Kms" in code for code in lake.logged()), timeout=60)
        # The alarm may still be on for the story before; what it counts goes on.
        eventually(lambda: refusals(lake) > before, timeout=60)
        eventually(lambda: "lake-refusals" in lake.store_alarms(), timeout=60)
    finally:
        kms.enable_key(KeyId=key)
    eventually(lambda: rows_of(lake, "key"), equals=1, timeout=60)


def test_what_a_role_without_permission_delays_is_told_and_arrives(lake: Lake, eventually: Eventually) -> None:
    iam, role = lake.producer.iam, lake.way["deliveryRoleArn"].split("/")[-1]
    [policy] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    without = [one for one in document["Statement"] if "s3:PutObject" not in one["Action"]]
    before = len(lake.error_log())
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps({**document, "Statement": without}))
    try:
        lake.put(numbered("role"))
        eventually(lambda: len(lake.error_log()) > before, timeout=60)
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))
    eventually(lambda: rows_of(lake, "role"), equals=1, timeout=60)


BROKEN = {
    "raise": "def handler(event, context):\n    raise ValueError('broken')\n",
    "answer": (
        "def handler(event, context):\n"
        "    return {'records': [{**one, 'result': 'Ok', 'data': 'A' * 7_000_000} for one in event['records']]}\n"
    ),
    "wait": "import time\n\n\ndef handler(event, context):\n    time.sleep(60)\n",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_a_broken_function_was_given_is_whole_under_the_error_prefix(
    lake: Lake, eventually: Eventually, fault: str
) -> None:
    client, name = lake.producer.lambda_, lake.way["transformName"]
    whole = client.get_function(FunctionName=name)["Code"]["Location"]
    package = urllib.request.urlopen(whole).read()
    client.update_function_configuration(FunctionName=name, Timeout=1, Handler="broken.handler")
    client.update_function_code(FunctionName=name, ZipFile=zipped({"broken.py": BROKEN[fault]}))
    try:
        lake.put(numbered(fault))
        [failed] = eventually(lambda: [one for one in lake.errors() if fault in str(keys_of(one))], timeout=120)
        assert failed["errorCode"] == "Lambda.FunctionError"
        assert keys_of(failed) == {"id": {"S": fault}}
        eventually(lambda: "transform-success" in lake.alarms(), timeout=60)
        eventually(lambda: "lake-errors" in lake.store_alarms(), timeout=60)
        told = lake.problems("lake-consumer")
        assert "tributary-lake-lake-errors: this alarm is on" in told
        assert "with changes that are not in the lake wait below s3://" in told
    finally:
        client.update_function_configuration(
            FunctionName=name, Timeout=300, Handler="handlers.lake_transformer.main.handler"
        )
        client.update_function_code(FunctionName=name, ZipFile=package)
    lake.put(numbered(f"after-{fault}"))
    eventually(lambda: rows_of(lake, f"after-{fault}"), equals=1, timeout=60)


def test_ten_thousand_changes_of_aircraft_are_all_in_the_lake_though_some_come_twice_or_late(
    lake: Lake, eventually: Eventually, faults: Faults
) -> None:
    changes, before = flights.changes(10_000), lake.count()
    stream = {"service": "kinesis", "account": lake.producer.account_id, "seed": 7}
    with faults.duplicate(rate=0.05, **stream) as doubled, faults.reorder(rate=0.05, **stream) as late:
        flights.write(lake.producer.dynamodb, lake.way["tableName"], changes)
        assert doubled.hits() > 100
        assert late.hits() > 100

    eventually(lake.count, until=lambda rows: rows >= before + len(changes), timeout=180, interval=0.5)
    wanted = flights.expected(changes)
    eventually(lambda: flights.by_aircraft(lake.rows()), equals=wanted, timeout=60, interval=1)
    assert lake.count() > before + len(changes)


@NEW_ACCOUNTS_DIFFER
def test_nothing_is_left_when_both_sides_are_destroyed(lake: Lake, cloud: Cloud) -> None:
    deploying.destroy(lake.engine, ["lake-consumer", "lake-producer"], yes=True)

    assert lake.engine.deployed() == []
    assert left(cloud, REGION, lake.accounts.values()) == set()


def refusals(lake: Lake) -> float:
    """How many requests the bucket refused below the prefix of its rows, as its own account counts them."""
    now = datetime.now(UTC)
    found = lake.consumer.cloudwatch.get_metric_statistics(
        Namespace="AWS/S3",
        MetricName="4xxErrors",
        Dimensions=[
            {"Name": "BucketName", "Value": lake.store["bucketName"]},
            {"Name": "FilterId", "Value": "changes"},
        ],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def numbered(key: str) -> dict[str, Any]:
    return {"id": {"S": key}, "name": {"S": "Chris"}, "Designation": {"S": "Consultant"}}


def rows_of(lake: Lake, key: str) -> int:
    return sum(row["id"] == key for row in lake.rows())


def keys_of(failed: dict[str, Any]) -> dict[str, Any]:
    """The keys of the change that a record of the error prefix holds."""
    keys: dict[str, Any] = json.loads(base64.b64decode(failed["rawData"]))["dynamodb"]["Keys"]
    return keys


def refusal(call: Callable[..., object], **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    return str(refused.value.response["Error"]["Code"])


@contextmanager
def plain_http(client: Clients) -> Iterator[None]:
    """Requests that came without TLS: see localcloud/emulator/endpoint.py."""

    def say(request: Any, **_: Any) -> None:
        request.headers["x-forwarded-proto"] = "http"

    client.s3.meta.events.register("before-send.s3", say)
    try:
        yield
    finally:
        client.s3.meta.events.unregister("before-send.s3", say)
