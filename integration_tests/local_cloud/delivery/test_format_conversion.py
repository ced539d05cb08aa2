"""Record format conversion: JSON to Parquet and ORC by a Glue table, and what does not fit it.

https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion.html
"""

import base64
import io
import json
from datetime import date, datetime
from decimal import Decimal

import pyarrow.orc
import pyarrow.parquet
import pytest

from integration_tests.local_cloud.delivery.conftest import LARGE_BUFFER_MB, error_lines, hints, writes
from integration_tests.support.addressing import statement

pytestmark = [pytest.mark.local, pytest.mark.aws]

COLUMNS = {
    "id": "bigint",
    "name": "string",
    "price": "decimal(10,2)",
    "ratio": "double",
    "paid": "boolean",
    "day": "date",
    "at": "timestamp",
    "tags": "array<string>",
    "attributes": "map<string,int>",
    "address": "struct<street:string,number:int>",
}
ROW = {
    "id": 9007199254740993,
    "name": "Zoë",
    "price": 12.34,
    "ratio": 0.5,
    "paid": True,
    "day": "2026-02-28",
    "at": "2026-02-28 12:34:56",
    "tags": ["a", "b"],
    "attributes": {"x": 1},
    "address": {"street": "Main", "number": 7},
}
CONVERTED = {
    **ROW,
    "price": Decimal("12.34"),
    "day": date(2026, 2, 28),
    "at": datetime(2026, 2, 28, 12, 34, 56),
    "attributes": [("x", 1)],
}
READERS = {"ParquetSerDe": pyarrow.parquet.read_table, "OrcSerDe": pyarrow.orc.read_table}


@pytest.fixture
def converting(delivery_stream, make, account, unique, clients, cleanup):
    """`converting()`: a stream that converts by a Glue table of COLUMNS; returns it and the database's name."""

    def made(serializer="ParquetSerDe", *, reads_table=True, deserializer=None, table=True):
        account_id = account()
        glue, database = clients(account_id).glue, unique("lake").replace("-", "_")
        glue.create_database(DatabaseInput={"Name": database})
        cleanup(glue.delete_database, Name=database)
        columns = [{"Name": name, "Type": kind} for name, kind in COLUMNS.items()]
        if table:
            glue.create_table(
                DatabaseName=database, TableInput={"Name": "events", "StorageDescriptor": {"Columns": columns}}
            )
        bucket = make.bucket(account_id)
        reads = statement(["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"])
        statements = [*writes(bucket), *([reads] if reads_table else [])]
        role_arn = make.role(account_id, statements, trusts="firehose.amazonaws.com")
        conversion = {
            "SchemaConfiguration": {"RoleARN": role_arn, "DatabaseName": database, "TableName": "events"},
            "InputFormatConfiguration": {"Deserializer": deserializer or {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": {serializer: {}}},
        }
        conversion["SchemaConfiguration"]["Region"] = clients(account_id).region
        stream = delivery_stream(
            account_id=account_id,
            bucket=bucket,
            role_arn=role_arn,
            Prefix="lake/",
            ErrorOutputPrefix="failed/!{firehose:error-output-type}/",
            BufferingHints=hints(1, LARGE_BUFFER_MB),
            DataFormatConversionConfiguration=conversion,
        )
        return stream, database

    return made


def rows(body: bytes, serializer: str) -> list[dict]:
    return READERS[serializer](io.BytesIO(body)).to_pylist()


@pytest.mark.parametrize(("serializer", "extension"), [("ParquetSerDe", ".parquet"), ("OrcSerDe", ".orc")])
def test_json_becomes_rows_of_the_table_with_its_types(converting, serializer, extension):
    stream, _ = converting(serializer)

    stream.put(json.dumps(ROW).encode(), b'{"ID": 2, "unknown": 1}')

    ((key, body),) = stream.await_objects(1, "lake/").items()
    assert key.endswith(extension)
    assert rows(body, serializer) == [CONVERTED, {**dict.fromkeys(COLUMNS), "id": 2}]


def test_a_record_that_does_not_fit_goes_to_the_error_output_and_the_others_are_delivered(converting):
    stream, database = converting()
    bad = [b'{"id": "many"}', b"not json", b"17", b"", b'{"id": 3, "tags": "none"}']

    stream.put(b'{"id": 1}', *bad, b'{"id": 2}')

    (body,) = stream.await_objects(1, "lake/").values()
    assert [row["id"] for row in rows(body, "ParquetSerDe")] == [1, 2]
    (errors,) = stream.await_objects(1, "failed/format-conversion-failed/").values()
    failures = error_lines(errors)
    assert [base64.b64decode(failure["rawData"]) for failure in failures] == bad
    assert [failure["ErrorCode"].removeprefix("DataFormatConversion.") for failure in failures] == [
        "MalformedData",
        "ParseError",
        "MalformedData",
        "MalformedData",
        "MalformedData",
    ]
    assert failures[0]["dataCatalogTable"]["databaseName"] == database
    assert failures[0]["dataCatalogTable"]["tableName"] == "events"


def test_keys_may_be_mapped_to_columns(converting):
    serde = {"ConvertDotsInJsonKeysToUnderscores": True, "ColumnToJsonKeyMappings": {"name": "full_name"}}
    stream, _ = converting(deserializer={"OpenXJsonSerDe": serde})

    stream.put(b'{"id": 1, "full.name": "Ann"}')

    (body,) = stream.await_objects(1, "lake/").values()
    assert [(row["id"], row["name"]) for row in rows(body, "ParquetSerDe")] == [(1, "Ann")]


def test_without_the_table_everything_goes_to_the_error_output(converting):
    stream, _ = converting(table=False)

    stream.put(b'{"id": 1}')

    (errors,) = stream.await_objects(1, "failed/").values()
    assert error_lines(errors)[0]["ErrorCode"] == "DataFormatConversion.EntityNotFound"
    assert stream.objects("lake/") == {}


def test_the_role_has_to_be_allowed_to_read_the_table(converting):
    stream, _ = converting(reads_table=False)

    stream.put(b'{"id": 1}')

    (errors,) = stream.await_objects(1, "failed/").values()
    assert base64.b64decode(error_lines(errors)[0]["rawData"]) == b'{"id": 1}'
    assert stream.objects("lake/") == {}
