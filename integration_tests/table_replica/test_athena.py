"""A comparison by Athena gives the report that one by scans gives, whatever keys and items there are."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from integration_tests.support.addressing import statement
from integration_tests.support.factories import objects
from integration_tests.table_replica.comparing import Pair
from operations.errors import OperationError
from operations.instruments.patience import Patience
from operations.instruments.rates import RateLimit
from operations.instruments.raw import Item
from operations.instruments.verifying import Report, verify
from operations.table_replica import athena_runs
from operations.table_replica.athena import Comparison

pytestmark = pytest.mark.local

AT_ONCE = Patience(settle_s=0)
KEYS = {
    "text": {"id": "S"},
    "numbers with binary": {"n o": "N", "b'in\"ary": "B"},
    "binary with numbers": {"bin": "B", "at": "N"},
}
VALUES: dict[str, list[Any]] = {
    "S": ["\"quoted\" \\ [']'", 'né\u0001\n\t🎉 ":["', '"SS":["b","a"]', "plain", "0"],
    "N": ["0", "-17", "3.5", "12345678901234567890123456789012345678", "1E-20"],
    "B": ["AA==", "/+8=", "aGVsbG8=", "Zm9v", "YmFy"],
}
ATTRIBUTES: dict[str, Any] = {
    "text": {"S": 'a "quoted" \\ text with "NS":["2","1"] ü\u2028'},
    "set": {"SS": ["b", "a", 'c","', "]", "é"]},
    "numbers": {"NS": ["3", "-1", "20"]},
    "binary": {"BS": ["AQ==", "/w=="]},
    "nested": {"M": {"z": {"L": [{"M": {"deep": {"SS": ["y", "x"]}}}, {"BOOL": True}]}, "a": {"NULL": True}}},
    "SS": {"S": "x["},
    "]": {"L": []},
}


@pytest.fixture
def pair(cloud, account, clients, make, unique) -> Callable[..., Pair]:
    return lambda keys: Pair(cloud, clients(account()), make, unique, keys)


def items(keys: dict[str, str], **attributes: Any) -> Iterator[Item]:
    """Five items: the values of each key's type, in another order for the sort key."""
    for number in range(5):
        places = ((name, kind, number if place == 0 else 4 - number) for place, (name, kind) in enumerate(keys.items()))
        yield {name: {kind: VALUES[kind][place]} for name, kind, place in places} | ATTRIBUTES | attributes


def by_athena(pair: Pair) -> Report:
    return Comparison(pair.replica_of(pair.owner), pair.bulk_of(pair.owner), AT_ONCE).report(lambda step: None)


def comparable(pair: Pair, report: Report) -> dict[str, Any]:
    """A report without how it was made and how long that took; its keys in order."""
    shown = report.as_json(list(pair.keys), values=True)
    for kind in ("missing", "extra", "differing", "unsettled"):
        shown[kind] = sorted(shown[kind], key=json.dumps)
    return {
        name: value
        for name, value in shown.items()
        if name not in ("segments", "differingSegments", "readUnits", "seconds")
    }


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_its_report_is_that_of_scans(pair, keys) -> None:
    tables = pair(keys)
    every = list(items(keys))
    tables.put(tables.source, every)
    # The same items: maps and sets in another order, also inside each other, and a number in another spelling.
    nested = {"a": {"NULL": True}, "z": {"L": [{"M": {"deep": {"SS": ["x", "y"]}}}, {"BOOL": True}]}}
    same = {
        "set": {"SS": ["]", "é", "a", 'c","', "b"]},
        "numbers": {"NS": ["20", "3.0", "-1"]},
        "nested": {"M": nested},
    }
    tables.put(tables.replica, items(keys, **same))
    report = by_athena(tables)
    assert report.equal
    assert report.items == (5, 5)
    assert comparable(tables, report) == comparable(
        tables, verify(tables.source, tables.replica, AT_ONCE, RateLimit(None))
    )

    changes: list[dict[str, Any]] = [
        {"set": {"SS": ["b", "a", 'c","', "]"]}},
        {"nested": {"M": {**nested, "z": {"L": [{"BOOL": True}, {"M": {"deep": {"SS": ["x", "y"]}}}]}}}},
        {"text": {"B": "AA=="}, "more": {"S": ""}},
    ]
    tables.delete(tables.replica, every[:1])
    tables.delete(tables.source, every[1:2])
    tables.put(tables.replica, [{**item, **change} for item, change in zip(every[2:], changes, strict=True)])
    report = by_athena(tables)
    assert [len(found) for found in (report.missing, report.extra, report.differing)] == [1, 1, 3]
    assert sorted(one.attributes for one in report.differing) == [["more", "text"], ["nested"], ["set"]]
    assert report.items == (4, 4)
    assert comparable(tables, report) == comparable(
        tables, verify(tables.source, tables.replica, AT_ONCE, RateLimit(None))
    )


def test_empty_tables_are_equal_and_all_of_an_empty_one_is_missing(pair) -> None:
    tables = pair({"id": "S"})
    assert by_athena(tables).as_json(["id"], values=False)["equal"] is True
    tables.put(tables.source, items(tables.keys))
    report = by_athena(tables)
    assert (len(report.missing), report.items) == (5, (5, 0))


def under_way(pair: Pair) -> list[str]:
    """The exports and queries of the pair that have not ended."""
    athena = pair.owner.athena
    queries = athena.list_query_executions(WorkGroup=pair.workgroup)["QueryExecutionIds"]
    found = [athena.get_query_execution(QueryExecutionId=one)["QueryExecution"]["Status"]["State"] for one in queries]
    exports = pair.owner.dynamodb.list_exports()["ExportSummaries"]
    found += [
        one["ExportStatus"]
        for one in exports
        if one["ExportArn"].split("/")[1] in (pair.source.name, pair.replica.name)
    ]
    return [state for state in found if state in ("IN_PROGRESS", "QUEUED", "RUNNING")]


def test_what_was_on_its_way_when_it_was_exported_is_waited_for(pair, eventually) -> None:
    tables = pair({"id": "S"})
    every = list(items(tables.keys))
    tables.put(tables.source, every)
    tables.put(tables.replica, every[1:])
    steps, now_s = [""], 0.0

    def arrive(pause_s: float) -> None:
        nonlocal now_s
        if not steps[-1].startswith("Confirming"):
            eventually(lambda: under_way(tables), equals=[])
            return
        now_s += pause_s
        if now_s > 3:
            tables.put(tables.replica, every[:1])

    patience = Patience(settle_s=5, clock=lambda: now_s, sleep=arrive)
    comparison = Comparison(tables.replica_of(tables.owner), tables.bulk_of(tables.owner), patience)
    assert comparison.report(steps.append).equal
    assert 3 < now_s < 5


def test_a_run_that_was_stopped_goes_on_and_leaves_nothing_behind(pair) -> None:
    tables = pair({"id": "S"})
    tables.put(tables.source, items(tables.keys))
    tables.put(tables.replica, items(tables.keys))
    replica, bulk = tables.replica_of(tables.owner), tables.bulk_of(tables.owner)

    def stop_at(wanted: str) -> Callable[[str], None]:
        def on_step(step: str) -> None:
            if step.startswith(wanted):
                raise KeyboardInterrupt

        return on_step

    # When both exports are asked for, and when the query's result is there.
    for step in ("Exporting", "Confirming"):
        with pytest.raises(KeyboardInterrupt):
            Comparison(replica, bulk, AT_ONCE).report(stop_at(step))
    going_on = Comparison(replica, bulk, AT_ONCE)
    assert going_on.intention().startswith("Goes on with the comparison that began at ")
    assert going_on.report(lambda step: None).equal
    assert len(tables.owner.athena.list_query_executions(WorkGroup=tables.workgroup)["QueryExecutionIds"]) == 1
    for table in (tables.source, tables.replica):
        assert len(tables.owner.dynamodb.list_exports(TableArn=table.description["TableArn"])["ExportSummaries"]) == 1
    assert tables.owner.glue.get_tables(DatabaseName=tables.database)["TableList"] == []
    assert athena_runs.load(tables.owner.s3, tables.bucket.name) is None
    assert Comparison(replica, bulk, AT_ONCE).intention().startswith("export   ")


def test_exports_larger_than_a_query_may_read_are_not_read(pair) -> None:
    tables = pair({"id": "S"})
    tables.put(tables.source, items(tables.keys))
    replica = tables.replica_of(tables.owner)
    with pytest.raises(OperationError, match="scanLimitGb: 1"):
        Comparison(replica, tables.bulk_of(tables.owner, limit_bytes=100), AT_ONCE).report(lambda step: None)
    assert tables.owner.athena.list_query_executions(WorkGroup=tables.workgroup)["QueryExecutionIds"] == []
    # With a higher limit the same exports are compared.
    assert len(by_athena(tables).missing) == 5
    stored = objects(tables.owner.s3, tables.bucket.name, "exports/")
    assert len({name.split("/")[2] for name in stored}) == 2


def test_a_missing_permission_is_named_and_the_next_attempt_goes_on(pair, principal) -> None:
    tables = pair({"id": "S"})
    tables.put(tables.source, items(tables.keys))
    tables.put(tables.replica, items(tables.keys))
    bucket = f"arn:aws:s3:::{tables.bucket.name}"
    needed = {
        "dynamodb:ExportTableToPointInTime": statement(["dynamodb:*Table*", "dynamodb:DescribeExport"]),
        "s3:PutObject": statement("s3:PutObject", f"{bucket}/exports/*"),
        "glue:GetDatabase": statement(["glue:GetDatabase", "glue:CreateDatabase"]),
        "glue:GetTable": statement("glue:GetTable"),
        "s3:GetObject": statement("s3:GetObject", f"{bucket}/exports/*"),
    }
    always = [
        statement(["athena:*", "kms:*", "glue:CreateTable", "glue:DeleteTable", "s3:ListBucket"]),
        statement(["dynamodb:DescribeTable", "dynamodb:BatchGetItem"]),
        statement("s3:*Object", [f"{bucket}/verify/*", f"{bucket}/athena/*"]),
    ]
    granted: list[dict[str, Any]] = []
    for action, more in needed.items():
        who = principal(tables.owner.account_id, [*always, *granted])
        with pytest.raises((OperationError, ClientError), match=action):
            Comparison(tables.replica_of(who), tables.bulk_of(who), AT_ONCE).report(lambda step: None)
        granted.append(more)
    who = principal(tables.owner.account_id, [*always, *granted])
    assert Comparison(tables.replica_of(who), tables.bulk_of(who), AT_ONCE).report(lambda step: None).equal
    # The exports that succeeded were made once.
    for table in (tables.source, tables.replica):
        exports = tables.owner.dynamodb.list_exports(TableArn=table.description["TableArn"])["ExportSummaries"]
        assert [one["ExportStatus"] for one in exports].count("COMPLETED") == 1
