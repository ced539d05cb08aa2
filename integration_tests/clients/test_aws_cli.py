"""The AWS CLI, as an operator types it: everything put by its commands is there, and everything is read by them."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.local

# https://docs.aws.amazon.com/cli/v1/userguide/cli-usage-returncodes.html
REFUSED = 255
# Above this `aws s3` uploads in parts: https://docs.aws.amazon.com/cli/latest/topic/s3-config.html
MULTIPART_THRESHOLD_BYTES = 8 * 1024 * 1024


@pytest.fixture
def account_id(account) -> str:
    return account()


@pytest.fixture
def aws(aws_cli, environment, account_id, clients, tmp_path) -> Callable[..., Any]:
    """`aws("kinesis", "list-streams")`: the answer, parsed when it is JSON; `fails=255` wants that exit code."""
    variables = environment(clients(account_id), aws_cli)

    def typed(*words: str, fails: int = 0) -> Any:
        ended = subprocess.run(
            [sys.executable, "-m", "awscli", *words],
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )
        assert ended.returncode == fails, f"aws {' '.join(words)}: {ended.returncode}\n{ended.stderr}{ended.stdout}"
        if fails:
            return ended.stderr
        return json.loads(ended.stdout) if ended.stdout.startswith("{") else ended.stdout

    return typed


def document(tmp_path, content: object) -> str:
    """The argument that has the CLI read this from a file."""
    file = tmp_path / f"{os.urandom(4).hex()}.json"
    file.write_text(json.dumps(content))
    return f"file://{file}"


def test_records_go_through_a_stream(aws, account_id, unique, tmp_path, clients, cleanup):
    stream, number_of_records = unique("stream"), 30
    assert aws("sts", "get-caller-identity")["Account"] == account_id
    aws("kinesis", "create-stream", "--stream-name", stream, "--shard-count", "1")
    cleanup(clients(account_id).kinesis.delete_stream, StreamName=stream)
    aws("kinesis", "wait", "stream-exists", "--stream-name", stream)
    # This version takes binaries as text and gives them as base64.
    entries = [{"PartitionKey": f"key {number}", "Data": f"é\0{number}"} for number in range(number_of_records)]
    answer = aws("kinesis", "put-records", "--stream-name", stream, "--records", document(tmp_path, entries))
    assert answer["FailedRecordCount"] == 0
    asked = ["--stream-name", stream, "--shard-id", "shardId-000000000000", "--shard-iterator-type", "TRIM_HORIZON"]
    iterator = aws("kinesis", "get-shard-iterator", *asked)["ShardIterator"]
    records = aws("kinesis", "get-records", "--shard-iterator", iterator)["Records"]
    found = [{"PartitionKey": one["PartitionKey"], "Data": base64.b64decode(one["Data"]).decode()} for one in records]
    assert found == entries
    assert [one["SequenceNumber"] for one in records] == [one["SequenceNumber"] for one in answer["Records"]]


def test_items_go_through_a_table(aws, account_id, unique, tmp_path, clients, cleanup):
    table = unique("table")
    aws(
        *("dynamodb", "create-table", "--table-name", table, "--billing-mode", "PAY_PER_REQUEST"),
        *("--key-schema", "AttributeName=pk,KeyType=HASH", "AttributeName=n,KeyType=RANGE"),
        *("--attribute-definitions", "AttributeName=pk,AttributeType=S", "AttributeName=n,AttributeType=N"),
    )
    cleanup(clients(account_id).dynamodb.delete_table, TableName=table)
    aws("dynamodb", "wait", "table-exists", "--table-name", table)
    items = [
        {
            "pk": {"S": "é"},
            "n": {"N": str(number)},
            "all": {"M": {"list": {"L": [{"BOOL": True}, {"NULL": True}]}, "empty": {"S": ""}}},
            "set": {"NS": ["1", "2.5"]},
        }
        for number in range(20)
    ]
    requests = {table: [{"PutRequest": {"Item": item}} for item in items]}
    answer = aws("dynamodb", "batch-write-item", "--request-items", document(tmp_path, requests))
    assert answer["UnprocessedItems"] == {}
    # In pages of three, which the CLI puts together.
    asked = ["--key-condition-expression", "pk = :pk", "--expression-attribute-values", '{":pk": {"S": "é"}}']
    found = aws("dynamodb", "query", "--table-name", table, "--page-size", "3", *asked)
    assert found["Items"] == items
    assert found["Count"] == 20
    refusal = aws("dynamodb", "describe-table", "--table-name", "nobody", fails=REFUSED)
    assert "ResourceNotFoundException" in refusal


def test_files_go_through_a_bucket(aws, account_id, unique, tmp_path, clients):
    bucket, here, back = unique("bucket"), tmp_path / "here", tmp_path / "back"
    files = {"large": os.urandom(MULTIPART_THRESHOLD_BYTES + 4097), "folder/é ü.txt": b"text", "folder/empty": b""}
    for name, content in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content)
    aws("s3", "mb", f"s3://{bucket}")
    aws("s3", "sync", str(here), f"s3://{bucket}/data")
    # Nothing has changed, so that nothing goes.
    assert aws("s3", "sync", str(here), f"s3://{bucket}/data") == ""
    listed = clients(account_id).s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert {entry["Key"]: entry["Size"] for entry in listed} == {f"data/{name}": len(files[name]) for name in files}
    aws("s3", "sync", f"s3://{bucket}/data", str(back))
    assert {str(file.relative_to(back)): file.read_bytes() for file in back.rglob("*") if file.is_file()} == files
    aws("s3", "rb", "--force", f"s3://{bucket}")
    assert "NoSuchBucket" in aws("s3api", "list-objects-v2", "--bucket", bucket, fails=REFUSED)
