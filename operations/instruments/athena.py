"""Athena in the workgroup, and Glue in the database, that an instance of a stack deploys."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

FIRST_POLL_S, LONGEST_POLL_S = 0.1, 5.0


@dataclass(frozen=True)
class Ended:
    """An execution that has come to its end: why it gives no rows, or None; the bytes that it read; where the file of
    its results is."""

    failure: str | None
    scanned_bytes: int
    output: str


class Athena:
    """Tables and queries, as whoever deploys the stack; `client` makes a client of a service, `outputs` are those of
    the component Querying. The methods raise ClientError.
    """

    def __init__(self, client: Callable[[str], Any], outputs: Mapping[str, Any]) -> None:
        self._athena = client("athena")
        self._glue = client("glue")
        self.exceptions = self._athena.exceptions
        self.database = str(outputs["queryDatabase"])
        self._workgroup = str(outputs["queryWorkgroup"])

    def create_table(self, definition: Mapping[str, Any]) -> None:
        """Make a table unless there is one of its name."""
        with suppress(self._glue.exceptions.AlreadyExistsException):
            self._glue.create_table(DatabaseName=self.database, TableInput=definition)

    def drop_table(self, name: str) -> None:
        """Remove a table from the catalogue if it is there; its data stays."""
        with suppress(self._glue.exceptions.EntityNotFoundException):
            self._glue.delete_table(DatabaseName=self.database, Name=name)

    def tables(self) -> list[str]:
        """The names of the database's tables and views."""
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self.database)
        return sorted(table["Name"] for page in pages for table in page["TableList"])

    def start(self, sql: str, token: str | None = None) -> str:
        """Start a query; the id of its execution, which is the same for the same token.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
        """
        answer = self._athena.start_query_execution(
            QueryString=sql,
            ClientRequestToken=token or uuid.uuid4().hex,
            QueryExecutionContext={"Database": self.database},
            WorkGroup=self._workgroup,
        )
        return str(answer["QueryExecutionId"])

    def failure(self, query: str, on_read: Callable[[int], None], sleep: Callable[[float], None]) -> str | None:
        """Wait for the end of a query: why it gives no rows, None when it does. `on_read` is told the bytes read."""
        return self.ended(query, on_read, sleep).failure

    def ended(
        self, query: str, on_read: Callable[[int], None] = lambda _: None, sleep: Callable[[float], None] = time.sleep
    ) -> Ended:
        """Wait for the end of a query. `on_read` is told the bytes read so far."""
        wait_s = FIRST_POLL_S
        while True:
            found = self._athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            status = found["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            on_read(found.get("Statistics", {}).get("DataScannedInBytes", 0))
            sleep(wait_s)
            wait_s = min(LONGEST_POLL_S, wait_s * 1.5)
        failure = None if status["State"] == "SUCCEEDED" else str(status.get("StateChangeReason") or status["State"])
        scanned = int(found.get("Statistics", {}).get("DataScannedInBytes", 0))
        return Ended(failure, scanned, str(found.get("ResultConfiguration", {}).get("OutputLocation", "")))

    def rows(self, query: str) -> Iterator[list[str | None]]:
        """The rows of a query's results."""
        rows = self.rows_with_names(query)
        next(rows)
        return rows

    def rows_with_names(self, query: str) -> Iterator[list[str | None]]:
        """The same; the first row has the columns' names, as Athena gives it.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
        """
        pages = self._athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
        return (
            [value.get("VarCharValue") for value in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]
        )


def lines_table(name: str, location: str) -> dict[str, Any]:
    """A table for Glue over every object below `location`: one column, a line of JSON.

    JSON text never holds the field delimiter, by default the control character 1, which it writes as an escape;
    without an escape character LazySimpleSerDe takes everything else as it is. gzip files are known by their names.
    https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html and …/compression-formats.html
    """
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE"},
        "StorageDescriptor": {
            "Columns": [{"Name": "line", "Type": "string"}],
            "Location": location,
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
    }
