"""Athena: queries in Trino's SQL over tables of the Glue Data Catalog, with the caller's permissions on the data.

The emulator hands a query's text to DuckDB as it is. Here it is parsed as Athena's SQL, translated, and run over what
the caller may read; the workgroup's settings, its limit on the bytes that a query scans, and the places of the results
are AWS's. Each module names the page that it follows.
"""

from localcloud.emulator.athena import executing, starting


def install() -> None:
    starting.install()
    executing.install()
