"""Compares a replica with its source on Athena: both tables are exported, and one query compares the exports.

It uses none of the tables' capacity but for the keys that the query names, and no memory of this machine, which waits.
What runs on AWS goes on when this machine stops, and the same command later finds it: see `athena_runs`.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from operations.errors import OperationError
from operations.instruments import exporting
from operations.instruments.athena import Athena
from operations.instruments.comparing import Found
from operations.instruments.exporting import Export, gigabytes
from operations.instruments.patience import Patience
from operations.instruments.tables import Table
from operations.instruments.verifying import Report, require_same_keys, settled
from operations.prices import ATHENA_TERABYTE
from operations.table_replica import athena_runs, athena_sql
from operations.table_replica.athena_runs import Run
from operations.table_replica.deployed import Bulk, Replica

# What a query scans is paid as if it were as much when it is less. https://aws.amazon.com/athena/pricing/
LEAST_BYTES = 10e6

# Told what is being done.
OnStep = Callable[[str], None]


class Comparison:
    """The comparison that is under way, else a new one. Raises OperationError unless both tables have the same keys."""

    def __init__(self, replica: Replica, bulk: Bulk, patience: Patience) -> None:
        require_same_keys(replica.source, replica.replica)
        self._tables: Mapping[str, Table] = {"source": replica.source, "replica": replica.replica}
        self._keys = replica.source.keys
        self._bucket = bulk.bucket
        self._scan_limit_bytes = int(bulk.outputs["scanLimitBytes"])
        self._athena = Athena(bulk.client, bulk.outputs)
        self._s3 = bulk.client("s3")
        self._patience = patience
        self._run = athena_runs.load(self._s3, bulk.bucket.name) or Run()

    def intention(self) -> str:
        """What it will do and cost, for whoever is to agree."""
        if self._run.exports:
            began = f"{datetime.fromtimestamp(self._run.began_at_s, UTC):%Y-%m-%d %H:%M} UTC"
            return f"Goes on with the comparison that began at {began}, of the tables as they were exported then."
        sizes = {table.name: int(table.description["TableSizeBytes"]) for table in self._tables.values()}
        exports = ", ".join(f"{gigabytes(size)} of `{name}`" for name, size in sizes.items())
        total = sum(sizes.values())
        dollars = max(total, LEAST_BYTES) / 1e12 * ATHENA_TERABYTE
        return (
            f"export   {exports}, by the GB, see https://aws.amazon.com/dynamodb/pricing/\n"
            f"query    at most about {gigabytes(total)}, stopped at {gigabytes(self._scan_limit_bytes)}: {dollars:.2f} "
            f"US dollars at most, at {ATHENA_TERABYTE:g} a TB in us-east-1, see https://aws.amazon.com/athena/pricing/"
        )

    def report(self, on_step: OnStep) -> Report:
        """Export, compare by Athena, and look at what differs in the tables themselves.

        Raises OperationError when an export or the query fails, and what the calls raise. The same comparison made
        again goes on: the run is forgotten when there is a report.
        """
        began = self._patience.clock()
        found = self._found(on_step)
        on_step("Confirming what differs")
        report = settled(self._tables["source"], self._tables["replica"], found, self._patience)
        athena_runs.remove(self._s3, self._bucket.name)
        report.seconds = self._patience.clock() - began
        return report

    def _found(self, on_step: OnStep) -> Found:
        run = self._run
        if run.query is None:
            exports = self._exports(on_step)
            self._check_size(exports)
            for side, export in exports.items():
                self._athena.create_table(athena_sql.table(run.table(side), export.bucket, export.folder))
            sql = athena_sql.comparison(self._athena.database, run.table("source"), run.table("replica"), self._keys)
            run.query = self._athena.start(sql, run.token("query"))
            self._save()
        failure = self._athena.failure(
            run.query, lambda read: on_step(f"Comparing ({gigabytes(read)} read)"), self._patience.sleep
        )
        for side in self._tables:
            self._athena.drop_table(run.table(side))
        if failure is not None:
            run.query = None
            self._save_failure()
            raise OperationError(
                f"Athena did not compare the exports: {failure}. Put that right, then type the same command again: it "
                "compares the same exports."
            )
        return athena_sql.found(self._athena.rows(run.query), self._keys)

    def _exports(self, on_step: OnStep) -> Mapping[str, Export]:
        """Both finished exports; they run at the same time. What failed is asked for again by the next call."""
        asked = self._run.exports
        for side, table in self._tables.items():
            if side not in asked:
                asked[side] = exporting.request(table, self._bucket, self._run.token(side))
                self._save()
        finished, failures = {}, []
        for side, table in self._tables.items():
            on_step(f"Exporting {table.name}")
            try:
                finished[side] = exporting.finished(table, asked[side], sleep=self._patience.sleep)
            except OperationError as failure:
                failures.append(failure)
                del asked[side]
        if failures:
            self._save_failure()
            raise failures[0]
        return finished

    def _check_size(self, exports: Mapping[str, Export]) -> None:
        """Raise OperationError when the exports are more than a query may read: it would be stopped, and paid for."""
        pages = self._s3.get_paginator("list_objects_v2")
        size = sum(
            entry["Size"]
            for export in exports.values()
            for page in pages.paginate(Bucket=export.bucket, Prefix=f"{export.folder}/{athena_sql.DATA}")
            for entry in page.get("Contents", [])
        )
        if size > self._scan_limit_bytes:
            raise OperationError(
                f"the exports have {gigabytes(size)} and a query may read {gigabytes(self._scan_limit_bytes)}. Set "
                f"`bulk: {{scanLimitGb: {size // 2**30 + 1}}}` in the stack file, type `tributary up`, then the same "
                "command again: it goes on with these exports."
            )

    def _save_failure(self) -> None:
        self._run.failures += 1
        self._save()

    def _save(self) -> None:
        athena_runs.save(self._s3, self._bucket.name, self._run)
