"""A query reads the partitions that its conditions leave, and everything where they cannot be told."""

import pytest

from localcloud.emulator.athena import translation
from localcloud.emulator.athena.catalog import StoredFile, StoredTable, TableName
from localcloud.emulator.athena.pruning import pruned

pytestmark = pytest.mark.pure

DAYS = ("27", "28", "29")
TABLE = StoredTable(
    TableName("lake", "changes"),
    {"PartitionKeys": [{"Name": "delivered_on", "Type": "string"}]},
    "changes/",
    [StoredFile("bucket", f"changes/delivered_on=2026-11-{day}/x.gz", 1) for day in DAYS],
)


@pytest.mark.parametrize(
    ("sql", "days"),
    [
        ("SELECT * FROM changes", "27 28 29"),
        ("SELECT * FROM changes WHERE delivered_on = '2026-11-28'", "28"),
        ("SELECT * FROM lake.changes c WHERE c.delivered_on >= '2026-11-28' AND id = 'x'", "28 29"),
        ("SELECT * FROM changes WHERE '2026-11-28' > delivered_on", "27"),
        ("SELECT * FROM changes WHERE delivered_on BETWEEN '2026-11-28' AND '2026-11-29' AND n < 3 AND m > 1", "28 29"),
        ("SELECT * FROM changes WHERE delivered_on IN ('2026-11-27', '2026-11-29')", "27 29"),
        ("WITH some AS (SELECT * FROM changes WHERE delivered_on < '2026-11-28') SELECT * FROM some", "27"),
        ("SELECT * FROM changes WHERE delivered_on = '2026-11-28' OR id = 'x'", "27 28 29"),
        ("SELECT * FROM changes WHERE delivered_on = substr('2026-11-28x', 1, 10)", "27 28 29"),
        ("SELECT * FROM changes WHERE id = '2026-11-28'", "27 28 29"),
        ("SELECT * FROM changes a JOIN changes b ON a.id = b.id WHERE a.delivered_on = '2026-11-28'", "27 28 29"),
        ("SELECT * FROM other JOIN changes ON true WHERE changes.delivered_on = '2026-11-28'", "27 28 29"),
        ("SELECT * FROM (SELECT * FROM changes) WHERE delivered_on = '2026-11-28'", "27 28 29"),
    ],
)
def test_the_partitions_of_a_query_are_those_that_its_conditions_leave(sql: str, days: str) -> None:
    kept = pruned(translation.parse(sql), TABLE)
    assert [file.key.split("/")[1][-2:] for file in kept] == days.split()


def test_a_table_without_partitions_is_read_whole() -> None:
    whole = StoredTable(TABLE.name, {}, TABLE.folder, TABLE.files)
    statement = translation.parse("SELECT * FROM changes WHERE delivered_on = '2026-11-28'")
    assert pruned(statement, whole) == TABLE.files
