"""Athena runs Trino's SQL over what the caller may read, under its workgroup's settings.

https://docs.aws.amazon.com/athena/latest/ug/what-is.html
"""

import gzip
import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import Clients, statement
from integration_tests.support.factories import objects

pytestmark = pytest.mark.local

LINES = [
    {"Item": {"id": {"S": 'a"b'}, "set": {"SS": ["y", "x"]}, "map": {"M": {"b": {"N": "2"}, "a": {"NULL": True}}}}},
    {"Item": {"map": {"M": {}}, "id": {"S": "é\u0001🎉"}}},
]
IDS = """
SELECT json_format(element_at(CAST(json_extract(json_parse(line), '$.Item') AS MAP(VARCHAR, JSON)), 'id')) AS id,
       json_format(json_parse(line)) AS line,
       regexp_replace(line, '[^é🎉]') AS kept,
       array_join(transform(array_sort(regexp_extract_all(line, '"[xy]"')), one -> substr(one, 2, 1)), ',') AS letters
FROM lines ORDER BY 1
"""


class Lake:
    """A database with a table `lines` over gzip files of JSON lines, and a bucket for results."""

    def __init__(self, owner: Clients, bucket: str, database: str) -> None:
        self.owner, self.bucket, self.database = owner, bucket, database
        owner.glue.create_database(DatabaseInput={"Name": database})
        owner.glue.create_table(
            DatabaseName=database,
            TableInput={
                "Name": "lines",
                "TableType": "EXTERNAL_TABLE",
                "StorageDescriptor": {
                    "Columns": [{"Name": "line", "Type": "string"}],
                    "Location": f"s3://{bucket}/data/",
                    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
                    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    "SerdeInfo": {
                        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                        "Parameters": {"field.delim": "\x01"},
                    },
                },
            },
        )
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in LINES)
        self.put("data/one.json.gz", gzip.compress(text.encode()))
        self.put("data/_ignored.json.gz", gzip.compress(b"nothing to read\n"))
        self.put("database/other.json.gz", gzip.compress(b"of another table\n"))

    def put(self, key: str, body: bytes) -> None:
        self.owner.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def start(self, sql: str, who: Clients | None = None, **options: Any) -> str:
        request = {
            "QueryString": sql,
            "QueryExecutionContext": {"Database": self.database},
            "ResultConfiguration": {"OutputLocation": f"s3://{self.bucket}/results"},
            **options,
        }
        return (who or self.owner).athena.start_query_execution(**request)["QueryExecutionId"]


@pytest.fixture
def lake(account, clients, bucket, unique) -> Lake:
    mine = account()
    return Lake(clients(mine), bucket(mine), unique("lake").replace("-", "_"))


@pytest.fixture
def ended(eventually) -> Callable[[Clients, str], dict[str, Any]]:
    """`ended(clients, query_id)` is an execution that has come to its end."""

    def execution(who: Clients, query_id: str) -> dict[str, Any]:
        return eventually(
            lambda: who.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"],
            until=lambda found: found["Status"]["State"] not in ("QUEUED", "RUNNING"),
            timeout=30,
        )

    return execution


def rows(who: Clients, query_id: str) -> list[list[str | None]]:
    found = who.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
    return [[value.get("VarCharValue") for value in row["Data"]] for row in found]


def test_a_line_may_have_many_megabytes(lake: Lake, eventually: Callable[..., Any]) -> None:
    """An item of 400 KB can have an export line of more than 2 MiB: a control character takes six bytes in JSON."""
    long = {"Item": {"id": {"S": "long"}, "text": {"S": "\u0001" * 400_000}}}
    lake.put("data/long.json.gz", gzip.compress(json.dumps(long).encode() + b"\n"))
    sql = "SELECT length(json_extract_scalar(line, '$.Item.text.S')) FROM lines WHERE length(line) > 2097152"
    query_id = lake.start(sql)
    execution = eventually(
        lambda: lake.owner.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"],
        until=lambda found: found["Status"]["State"] in ("SUCCEEDED", "FAILED"),
        timeout=60,
    )
    assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
    rows = lake.owner.athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
    assert [row["Data"][0]["VarCharValue"] for row in rows[1:]] == ["400000"]


def test_trino_functions_mean_what_they_mean_on_athena(lake, ended) -> None:
    """https://trino.io/docs/current/functions/json.html"""
    query_id = lake.start(IDS)
    done = ended(lake.owner, query_id)
    assert done["Status"]["State"] == "SUCCEEDED", done["Status"]
    first = '{"Item":{"id":{"S":"a\\"b"},"map":{"M":{"a":{"NULL":true},"b":{"N":"2"}}},"set":{"SS":["y","x"]}}}'
    second = '{"Item":{"id":{"S":"é\\u0001🎉"},"map":{"M":{}}}}'
    assert rows(lake.owner, query_id) == [
        ["id", "line", "kept", "letters"],
        ['{"S":"a\\"b"}', first, "", "x,y"],
        ['{"S":"é\\u0001🎉"}', second, "é🎉", ""],
    ]


def test_results_are_a_file_at_the_output_location_and_scanned_bytes_are_those_of_the_files(lake, ended) -> None:
    """https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html"""
    query_id = lake.start("SELECT count(*) AS lines, NULL AS nothing, 'a\"b' AS text FROM lines")
    done = ended(lake.owner, query_id)
    place = f"results/{query_id}.csv"
    assert done["ResultConfiguration"]["OutputLocation"] == f"s3://{lake.bucket}/{place}"
    stored = objects(lake.owner.s3, lake.bucket, "results/")
    assert list(stored) == [place, f"{place}.metadata"]
    assert stored[place] == b'"lines","nothing","text"\n"2",,"a""b"\n'
    size = lake.owner.s3.head_object(Bucket=lake.bucket, Key="data/one.json.gz")["ContentLength"]
    assert done["Statistics"]["DataScannedInBytes"] == size


def test_what_is_no_query_is_refused_and_what_names_no_table_fails(lake, ended) -> None:
    for malformed in ("SELECT FROM WHERE", "SELECT 1; SELECT 2", "INSERT INTO lines VALUES ('more')"):
        with pytest.raises(ClientError, match="InvalidRequestException"):
            lake.start(malformed)
    done = ended(lake.owner, lake.start("SELECT * FROM nowhere"))
    assert done["Status"]["State"] == "FAILED"
    assert "TABLE_NOT_FOUND" in done["Status"]["StateChangeReason"]


def test_an_enforced_workgroup_overrides_the_client_and_a_disabled_one_runs_nothing(lake, ended, unique) -> None:
    """https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html"""
    athena, name = lake.owner.athena, unique("workgroup")
    key_arn = lake.owner.kms.create_key()["KeyMetadata"]["Arn"]
    athena.create_work_group(
        Name=name,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {
                "OutputLocation": f"s3://{lake.bucket}/enforced/",
                "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": key_arn},
            },
        },
    )
    query_id = lake.start("SELECT 1", WorkGroup=name)
    done = ended(lake.owner, query_id)
    assert done["ResultConfiguration"] == {
        "OutputLocation": f"s3://{lake.bucket}/enforced/{query_id}.csv",
        "EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": key_arn},
    }
    stored = lake.owner.s3.head_object(Bucket=lake.bucket, Key=f"enforced/{query_id}.csv")
    assert (stored["ServerSideEncryption"], stored["SSEKMSKeyId"]) == ("aws:kms", key_arn)

    athena.update_work_group(WorkGroup=name, State="DISABLED")
    with pytest.raises(ClientError, match="is disabled"):
        lake.start("SELECT 1", WorkGroup=name)
    with pytest.raises(ClientError, match="is not found"):
        lake.start("SELECT 1", WorkGroup=f"{name}-2")


def test_a_query_that_scans_more_than_its_workgroup_allows_is_cancelled(lake, ended, unique) -> None:
    """https://docs.aws.amazon.com/athena/latest/ug/workgroups-setting-control-limits-cloudwatch.html"""
    name, limit = unique("workgroup"), 10_000_000
    lake.owner.athena.create_work_group(Name=name, Configuration={"BytesScannedCutoffPerQuery": limit})
    assert ended(lake.owner, lake.start("SELECT * FROM lines", WorkGroup=name))["Status"]["State"] == "SUCCEEDED"
    lake.put("data/large.json.gz", os.urandom(limit))
    done = ended(lake.owner, lake.start("SELECT * FROM lines", WorkGroup=name))
    assert (done["Status"]["State"], done["Status"]["StateChangeReason"]) == (
        "CANCELLED",
        "Bytes scanned limit was exceeded",
    )
    assert done["Statistics"]["DataScannedInBytes"] == limit


def test_a_request_token_starts_one_query_and_another_query_under_it_is_refused(lake, ended) -> None:
    """https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html (ClientRequestToken)"""
    token = "t" * 32
    query_id = lake.start("SELECT 1", ClientRequestToken=token)
    assert lake.start("SELECT 1", ClientRequestToken=token) == query_id
    with pytest.raises(ClientError, match="InvalidRequestException"):
        lake.start("SELECT 2", ClientRequestToken=token)
    another = lake.start("SELECT 1")
    assert another != query_id
    assert {ended(lake.owner, one)["Status"]["State"] for one in (query_id, another)} == {"SUCCEEDED"}


def test_a_query_needs_the_callers_permissions_on_catalogue_data_and_results(lake, ended, principal) -> None:
    """https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html ,
    https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html (the default database)
    """
    bucket, region, mine = f"arn:aws:s3:::{lake.bucket}", lake.owner.region, lake.owner.account_id
    glue = f"arn:aws:glue:{region}:{mine}"
    table = [f"{glue}:catalog", f"{glue}:database/{lake.database}", f"{glue}:table/{lake.database}/lines"]
    default = [f"{glue}:catalog", f"{glue}:database/default"]
    needed = {
        "glue:GetDatabase": statement("glue:GetDatabase", default),
        "glue:CreateDatabase": statement("glue:CreateDatabase", default),
        "glue:GetTable": statement("glue:GetTable", table),
        "s3:ListBucket": statement("s3:ListBucket", bucket, Condition={"StringLike": {"s3:prefix": "data/*"}}),
        "s3:GetObject": statement("s3:GetObject", f"{bucket}/data/*"),
        "s3:PutObject": statement("s3:PutObject", f"{bucket}/results/*"),
    }
    runs = statement(
        ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults"],
        f"arn:aws:athena:{region}:{mine}:workgroup/primary",
    )
    for missing in needed:
        who = principal(mine, [runs, *(granted for action, granted in needed.items() if action != missing)])
        status = ended(who, lake.start("SELECT * FROM lines", who))["Status"]
        assert status["State"] == "FAILED"
        assert missing in status["StateChangeReason"]

    who = principal(mine, [runs, *needed.values()])
    query_id = lake.start("SELECT count(*) FROM lines", who)
    assert ended(who, query_id)["Status"]["State"] == "SUCCEEDED"
    with pytest.raises(ClientError, match="s3:GetObject"):
        rows(who, query_id)
    assert rows(lake.owner, query_id)[1:] == [["2"]]
