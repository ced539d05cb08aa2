"""Record format conversion: JSON records to a Parquet or ORC object with the columns of a Glue table.

https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion.html
https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion-error-handling.html
"""

import io
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ministack.core.responses import request_scope

from localcloud.emulator.access.authorization import AccessDenied, require
from localcloud.emulator.firehose import monitoring
from localcloud.emulator.firehose.destinations import Destination
from localcloud.emulator.firehose.errors import DeliveryError, RecordError
from localcloud.emulator.firehose.failures import conversion_failure
from localcloud.emulator.firehose.identity import Identity
from localcloud.emulator.firehose.records import Failure, Record

OUTPUT_TYPE = "format-conversion-failed"
_MALFORMED = "DataFormatConversion.MalformedData"


def convert(
    stream: Identity, destination: Destination, records: Sequence[Record]
) -> tuple[bytes, str, list[Record], list[Failure]]:
    """The object's body and extension, the records in it, and those that do not fit the table.

    Without the table, or the permission to read it, no record fits.
    """
    settings = destination.conversion or {}
    schema = settings.get("SchemaConfiguration") or {}
    table = _table_identity(stream, schema)
    try:
        columns = _columns(stream, schema, table)
    except RecordError as error:
        return b"", "", [], [conversion_failure(record, error, table) for record in records]
    body, extension, kept, failed = _serialize(settings, columns, records, table)
    monitoring.measure(
        stream, {"SucceedConversion.Records": float(len(kept)), "FailedConversion.Records": float(len(failed))}
    )
    return body, extension, kept, failed


def _table_identity(stream: Identity, schema: Mapping[str, str]) -> dict[str, str]:
    catalog_id, region = schema.get("CatalogId") or stream.account_id, schema.get("Region") or stream.region
    return {
        "catalogId": catalog_id,
        "databaseName": schema.get("DatabaseName", ""),
        "tableName": schema.get("TableName", ""),
        "region": region,
        "versionId": schema.get("VersionId") or "LATEST",
        "catalogArn": f"arn:aws:glue:{region}:{catalog_id}:catalog",
    }


def _columns(stream: Identity, schema: Mapping[str, str], table: Mapping[str, str]) -> list[tuple[str, str]]:
    """The table's columns with their Hive types, read as the schema's role.

    The role needs glue:GetTableVersions on the table.
    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html (Grant Firehose access to AWS Glue for data
    format conversion)
    """
    from ministack.services import glue

    database, name = table["databaseName"], table["tableName"]
    table_arn = f"arn:aws:glue:{table['region']}:{table['catalogId']}:table/{database}/{name}"
    try:
        session = stream.session(schema["RoleARN"], "DataFormatConversion.AccessDenied")
        require(session, "glue:GetTableVersions", table_arn, region=table["region"])
    except (DeliveryError, AccessDenied) as error:
        raise RecordError("DataFormatConversion.AccessDenied", str(error), OUTPUT_TYPE) from error
    with request_scope(table["catalogId"], table["region"]):
        stored = glue._tables.get(f"{database}/{name}")
    columns = ((stored or {}).get("StorageDescriptor") or {}).get("Columns") or []
    if not columns:
        raise RecordError(
            "DataFormatConversion.EntityNotFound",
            "The specified table/database could not be found. Please ensure that the table/database exists and "
            "that the values provided in the schema configuration are correct, especially with regards to casing.",
            OUTPUT_TYPE,
        )
    return [(column["Name"], column["Type"]) for column in columns]


def _serialize(
    settings: Mapping[str, Any], columns: list[tuple[str, str]], records: Sequence[Record], table: Mapping[str, str]
) -> tuple[bytes, str, list[Record], list[Failure]]:
    import pyarrow as pa  # 100 ms and 60 MB that only these streams need

    from localcloud.emulator.firehose.hive_types import arrow_type, typed

    deserializer = (settings.get("InputFormatConfiguration") or {}).get("Deserializer") or {}
    openx = deserializer.get("OpenXJsonSerDe") or {}
    # The Hive SerDe always folds the case; OpenX does unless told otherwise.
    folds = "OpenXJsonSerDe" not in deserializer or openx.get("CaseInsensitive", True)
    types = {name: arrow_type(hive_type) for name, hive_type in columns}
    sources = {name: _source(name, openx, folds) for name in types}
    arrow_schema = pa.schema(list(types.items()))
    rows: list[dict[str, Any]] = []
    kept: list[Record] = []
    failed: list[Failure] = []
    for record in records:
        try:
            documents = [_fields(document, openx, folds) for document in _documents(record.data)]
            new_rows = [
                {name: typed(fields.get(sources[name]), kind, folds) for name, kind in types.items()}
                for fields in documents
            ]
            pa.Table.from_pylist(
                new_rows, arrow_schema
            )  # finds what only shows in the column, such as a number too large
        except RecordError as error:
            failed.append(conversion_failure(record, error, table))
        except (ValueError, TypeError, pa.ArrowException) as error:
            mismatch = RecordError(_MALFORMED, f"Data does not match the schema. {error}", OUTPUT_TYPE)
            failed.append(conversion_failure(record, mismatch, table))
        else:
            rows += new_rows
            kept.append(record)
    body, extension = _write(pa.Table.from_pylist(rows, arrow_schema), settings)
    return body, extension, kept, failed


def _source(column: str, openx: Mapping[str, Any], folds: bool) -> str:
    source = str((openx.get("ColumnToJsonKeyMappings") or {}).get(column, column))
    return source.lower() if folds else source


def _fields(document: dict[str, Any], openx: Mapping[str, Any], folds: bool) -> dict[str, Any]:
    dots = openx.get("ConvertDotsInJsonKeysToUnderscores")
    names = {key: key.replace(".", "_") if dots else key for key in document}
    return {names[key].lower() if folds else names[key]: value for key, value in document.items()}


def _documents(data: bytes) -> list[dict[str, Any]]:
    """The JSON objects of a record: one, or several one after the other."""
    decoder = json.JSONDecoder(parse_float=Decimal)
    try:
        text = data.decode().strip()
        documents, position = [], 0
        while position < len(text):
            document, end = decoder.raw_decode(text, position)
            documents.append(document)
            position = end + len(text[end:]) - len(text[end:].lstrip())
    except ValueError as error:
        raise RecordError("DataFormatConversion.ParseError", "Encountered malformed JSON.", OUTPUT_TYPE) from error
    if not documents:
        raise RecordError(_MALFORMED, "The record was empty or contained only whitespace.", OUTPUT_TYPE)
    if not all(isinstance(document, dict) for document in documents):
        raise RecordError(
            _MALFORMED,
            "The input JSON contained a primitive at the top level. The top level must be an object or array.",
            OUTPUT_TYPE,
        )
    return documents


def _write(table: Any, settings: Mapping[str, Any]) -> tuple[bytes, str]:
    """The table in the configured format.
    https://docs.aws.amazon.com/firehose/latest/APIReference/API_Serializer.html
    """
    serializer = (settings.get("OutputFormatConfiguration") or {}).get("Serializer") or {}
    out = io.BytesIO()
    if "OrcSerDe" in serializer:
        from pyarrow import orc

        compression = (serializer["OrcSerDe"] or {}).get("Compression", "SNAPPY")
        orc.write_table(table, out, compression="uncompressed" if compression == "NONE" else compression.lower())
        return out.getvalue(), ".orc"
    from pyarrow import parquet

    settings = serializer.get("ParquetSerDe") or {}
    compression = settings.get("Compression", "SNAPPY")
    version = "2.6" if settings.get("WriterVersion") == "V2" else "1.0"
    parquet.write_table(
        table, out, compression="none" if compression == "UNCOMPRESSED" else compression.lower(), version=version
    )
    return out.getvalue(), ".parquet"
