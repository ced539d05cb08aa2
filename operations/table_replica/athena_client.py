"""Athena in the workgroup, and Glue in the database, that a replica's bulk operations deploy."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from operations.table_replica.deployed import Bulk

FIRST_POLL_S, LONGEST_POLL_S = 0.1, 5.0


class Athena:
    """Tables and queries, as whoever deploys the stack. The methods raise ClientError."""

    def __init__(self, bulk: Bulk) -> None:
        self._athena = bulk.client("athena")
        self._glue = bulk.client("glue")
        self.database = str(bulk.outputs["queryDatabase"])
        self._workgroup = str(bulk.outputs["queryWorkgroup"])

    def create_table(self, definition: Mapping[str, Any]) -> None:
        """Make a table unless there is one of its name."""
        with suppress(self._glue.exceptions.AlreadyExistsException):
            self._glue.create_table(DatabaseName=self.database, TableInput=definition)

    def drop_table(self, name: str) -> None:
        """Remove a table from the catalogue if it is there; its data stays."""
        with suppress(self._glue.exceptions.EntityNotFoundException):
            self._glue.delete_table(DatabaseName=self.database, Name=name)

    def start(self, sql: str, token: str) -> str:
        """Start a query; the id of its execution, which is the same for the same token.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
        """
        answer = self._athena.start_query_execution(
            QueryString=sql,
            ClientRequestToken=token,
            QueryExecutionContext={"Database": self.database},
            WorkGroup=self._workgroup,
        )
        return str(answer["QueryExecutionId"])

    def failure(self, query: str, on_read: Callable[[int], None], sleep: Callable[[float], None]) -> str | None:
        """Wait for the end of a query: why it gives no rows, None when it does. `on_read` is told the bytes read."""
        wait_s = FIRST_POLL_S
        while True:
            found = self._athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
            status = found["Status"]
            if status["State"] not in ("QUEUED", "RUNNING"):
                break
            on_read(found.get("Statistics", {}).get("DataScannedInBytes", 0))
            sleep(wait_s)
            wait_s = min(LONGEST_POLL_S, wait_s * 1.5)
        return None if status["State"] == "SUCCEEDED" else str(status.get("StateChangeReason") or status["State"])

    def rows(self, query: str) -> Iterator[list[str | None]]:
        """The rows of a query's results; what Athena gives first are the columns' names.

        https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html
        """
        pages = self._athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
        rows = (row["Data"] for page in pages for row in page["ResultSet"]["Rows"])
        next(rows)
        return ([value.get("VarCharValue") for value in row] for row in rows)
