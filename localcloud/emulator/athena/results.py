"""Where the rows of a query are kept: a CSV file with its metadata at the output location, written as the caller.

https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlparse

from localcloud.emulator.access.authorization import AccessDenied, Session, require
from localcloud.emulator.athena.catalog import SECURE
from localcloud.emulator.athena.errors import QueryError
from localcloud.emulator.storage import StorageError, put_object


def save(session: Session, region: str, execution: Mapping[str, Any]) -> None:
    """Write an execution's rows; on a worker thread. Raises QueryError when the caller may not."""
    from ministack.services import athena

    configuration = execution["ResultConfiguration"]
    bucket, key = _place(configuration["OutputLocation"])
    columns, rows = execution["_results"]["columns"], execution["_results"]["rows"]
    lines = [columns, *([None if value is None else athena._datum_text(value) for value in row] for row in rows)]
    body = "".join(f"{','.join(map(_quoted, line))}\n" for line in lines).encode()
    metadata = ",".join(columns) + "\n" + ",".join(execution["_column_types"])
    key_arn = configuration.get("EncryptionConfiguration", {}).get("KmsKey")
    try:
        put_object(session, bucket, key, body, key_arn=key_arn, region=region)
        put_object(session, bucket, f"{key}.metadata", metadata.encode(), key_arn=key_arn, region=region)
    except StorageError as error:
        raise QueryError(
            f"Access denied when writing output to url: {configuration['OutputLocation']} . Please ensure you are "
            f"allowed to access the S3 bucket, and the KMS key if results are encrypted with one. {error.reason}"
        ) from error


def readable(session: Session, region: str, execution: Mapping[str, Any]) -> str | None:
    """Why the caller may not read an execution's results, None when it may.

    https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
    """
    bucket, key = _place(execution["ResultConfiguration"]["OutputLocation"])
    try:
        require(session, "s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", context=SECURE, region=region)
    except AccessDenied as denied:
        return str(denied)
    return None


def _place(location: str) -> tuple[str, str]:
    parsed = urlparse(location)
    return parsed.netloc, parsed.path.lstrip("/")


def _quoted(value: str | None) -> str:
    """A value as Athena writes it: in quotes always, so that NULL, which is empty, is none of them."""
    return "" if value is None else '"' + value.replace('"', '""') + '"'
