"""The tables that a query reads: their definitions and their files, both with the permissions of whoever asks.

https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html and
https://docs.aws.amazon.com/athena/latest/ug/s3-permissions.html. Athena reads everything under a table's location but
files and folders whose names begin with `_` or `.`.
"""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from ministack.core.responses import request_scope

from localcloud.emulator import eventloop
from localcloud.emulator.access.authorization import AccessDenied, Session, require
from localcloud.emulator.access.callers import acting
from localcloud.emulator.athena.errors import QueryError

_VIEW_BEGINS, _VIEW_ENDS = "/* Presto View: ", " */"
SECURE = {"aws:SecureTransport": "true"}


@dataclass(frozen=True, order=True)
class TableName:
    """A table that a query reads; `database` is None when the query leaves it to its context."""

    database: str | None
    table: str


@dataclass(frozen=True)
class StoredFile:
    """An object of a table's data: its size is what reading it counts as scanned, compressed as it is."""

    bucket: str
    key: str
    size_bytes: int


@dataclass(frozen=True)
class StoredTable:
    """A table of the catalogue and the objects under its location; `folder` is the location's key prefix.

    `view` is a view's query; it has no objects.
    """

    name: TableName
    definition: Mapping[str, Any]
    folder: str
    files: list[StoredFile]
    view: str | None = None


def allow(session: Session, region: str, action: str, database: str, table: str) -> None:
    """Raise QueryError unless the caller may do that to a table.

    Glue wants the permission on the table, its database and the catalogue.
    https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
    """
    base = f"arn:aws:glue:{region}:{session.account_id}"
    for resource in (f"table/{database}/{table}", f"database/{database}", "catalog"):
        with _explained():
            require(session, action, f"{base}:{resource}", context=SECURE, region=region)


def allow_default(session: Session, region: str) -> None:
    """Raise QueryError unless the caller may see the database `default`, or make it where it is not there.

    https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
    """
    base = f"arn:aws:glue:{region}:{session.account_id}"
    for action in ("glue:GetDatabase", "glue:CreateDatabase"):
        for resource in ("database/default", "catalog"):
            with _explained():
                require(session, action, f"{base}:{resource}", context=SECURE, region=region)


def find(session: Session, region: str, name: TableName, context_database: str) -> StoredTable:
    """A table and what it holds. Raises QueryError when it does not exist or the caller may not read it."""
    from ministack.services import glue

    database = name.database or context_database
    allow(session, region, "glue:GetTable", database, name.table)
    definition = glue._tables.get(f"{database}/{name.table}")
    if definition is None:
        raise QueryError(f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{database}.{name.table}' does not exist")
    if definition.get("TableType") == "VIRTUAL_VIEW":
        return StoredTable(TableName(database, name.table), definition, "", [], _query_of(definition))
    location = urlparse((definition.get("StorageDescriptor") or {}).get("Location") or "")
    folder = location.path.strip("/") + "/"
    files = list(_files(session, region, location.netloc, folder)) if location.netloc else []
    return StoredTable(TableName(database, name.table), definition, folder, files)


def _query_of(definition: Mapping[str, Any]) -> str:
    """The query of a view: JSON in base64, as Trino's Hive connector keeps it and Athena with it."""
    text = str(definition.get("ViewOriginalText", "")).removeprefix(_VIEW_BEGINS).removesuffix(_VIEW_ENDS)
    try:
        return str(json.loads(base64.b64decode(text))["originalSql"])
    except (ValueError, KeyError, TypeError):
        raise QueryError(f"INVALID_VIEW: {definition.get('Name')} is no view of Athena's") from None


def _files(session: Session, region: str, bucket: str, folder: str) -> Iterator[StoredFile]:
    from ministack.services import s3

    owner = s3._bucket_owner_account(bucket)
    if owner is None:
        raise QueryError(f"The specified bucket does not exist (Bucket: {bucket}; Error Code: NoSuchBucket)")
    with _explained():
        require(session, "s3:ListBucket", f"arn:aws:s3:::{bucket}", {**SECURE, "s3:prefix": folder}, region)
    with request_scope(owner, region):
        stored = sorted(s3._buckets[bucket]["objects"].items())
    for key, entry in stored:
        hidden = any(part.startswith(("_", ".")) for part in key.removeprefix(folder).split("/"))
        if key.startswith(folder) and not key.endswith("/") and not hidden:
            yield StoredFile(bucket, key, entry["size"])


def fetch(session: Session, region: str, table: StoredTable, into: Path) -> list[str]:
    """Copy a table's files below a folder, keeping their paths; returns where they are. Called on a worker thread.

    Raises QueryError when the caller may not read one, or use the key that encrypts it.
    """
    found = []
    for file in table.files:
        with _explained():
            require(session, "s3:GetObject", f"arn:aws:s3:::{file.bucket}/{file.key}", SECURE, region)
        path = into / file.key.removeprefix(table.folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_body(session, region, file))
        found.append(str(path))
    return found


def _body(session: Session, region: str, file: StoredFile) -> bytes:
    from ministack.services import s3

    async def get() -> tuple[int, Any, bytes]:
        # S3 asks the encryption key for whom it acts.
        with acting(session):
            answer: tuple[int, Any, bytes] = await s3.handle_request(
                "GET", f"/{file.bucket}/{file.key}", {}, b"", {}, internal=True, enforce_bucket_region=False
            )
        return answer

    status, _, body = eventloop.call(get, s3._bucket_owner_account(file.bucket), region)
    if status >= 300:
        raise QueryError(f"PERMISSION_DENIED: s3://{file.bucket}/{file.key} cannot be read: {body.decode()}")
    return body


@contextmanager
def _explained() -> Iterator[None]:
    """Turns a denial into the query's reason to fail."""
    try:
        yield
    except AccessDenied as denied:
        raise QueryError(f"Insufficient permissions to execute the query. {denied}") from denied
