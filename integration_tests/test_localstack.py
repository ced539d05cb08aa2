"""Whether LocalStack still lacks what tests are skipped for there, and whether the table of that is true; and whether a
transaction is undone, which is this project's part where moto holds the tables (localcloud.localstack.runtime.tables).
"""

import ast
import importlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from integration_tests.support import gaps
from integration_tests.support.addressing import Clients, Cloud
from integration_tests.support.factories import Factories
from integration_tests.support.localstack import version

ROOT = Path(__file__).parents[1]


@pytest.mark.local
@pytest.mark.parametrize("gap", gaps.GAPS, ids=lambda gap: gap.name)
def test_what_tests_are_skipped_for_is_missing(gap: gaps.Gap, cloud: Cloud) -> None:
    if cloud.target != "localstack" or cloud.endpoint is None or version(cloud.endpoint) is None:
        pytest.skip(f"asks LocalStack, and this is {cloud}")
    if not cloud.lacks(gap.name) and gap.elsewhere:
        pytest.skip(f"{cloud} does it, so its tests run: {gap.elsewhere}")
    assert cloud.lacks(gap.name), (
        f"{cloud} does now what tests were skipped for: {gap.reason}. They run; take {gap.name!r} out of "
        "integration_tests/support/gaps.py and docs/localstack.md when they pass"
    )


@pytest.mark.local
def test_a_transaction_that_fails_changes_nothing(
    account: Callable[[], str], clients: Callable[[str], Clients], make: Factories
) -> None:
    own = clients(account())
    name, dynamodb = make.table(own.account_id, keys="pk sk")["TableName"], own.dynamodb
    keys = [{"pk": {"S": "x"}, "sk": {"S": str(number)}} for number in range(4)]
    for key in keys[:3]:
        dynamodb.put_item(TableName=name, Item={**key, "of": {"M": {"kept": {"L": [{"N": "1"}]}}}})

    def items() -> list[dict[str, object]]:
        found = dynamodb.scan(TableName=name, ConsistentRead=True)["Items"]
        return sorted(found, key=lambda item: item["sk"]["S"])

    before = items()
    changed = {"UpdateExpression": "SET #of.kept[0] = :now", "ExpressionAttributeNames": {"#of": "of"}}
    actions = [
        {"Put": {"TableName": name, "Item": {**keys[0], "of": {"S": "now"}}}},
        {"Update": {"TableName": name, "Key": keys[1], **changed, "ExpressionAttributeValues": {":now": {"N": "2"}}}},
        {"Delete": {"TableName": name, "Key": keys[2]}},
        {"Put": {"TableName": name, "Item": keys[3]}},
    ]
    refused = {"TableName": name, "Key": {**keys[0], "sk": {"S": "9"}}, "ConditionExpression": "attribute_exists(pk)"}
    with pytest.raises(dynamodb.exceptions.TransactionCanceledException):
        dynamodb.transact_write_items(TransactItems=[*actions, {"ConditionCheck": refused}])
    assert items() == before
    dynamodb.transact_write_items(TransactItems=actions)
    assert {item["sk"]["S"]: item.get("of") for item in items()} == {
        "0": {"S": "now"},
        "1": {"M": {"kept": {"L": [{"N": "2"}]}}},
        "3": None,
    }


@pytest.mark.pure
@pytest.mark.parametrize("gap", gaps.GAPS, ids=lambda gap: gap.name)
def test_the_tests_that_a_gap_names_are_there(gap: gaps.Gap) -> None:
    for named in gap.tests:
        file, _, test = named.partition("::")
        assert (ROOT / file).exists(), f"{named}: there is no {file}"
        if test:
            found: object = importlib.import_module(file.removesuffix(".py").replace("/", "."))
            for name in test.split("::"):
                found = getattr(found, name, None)
            assert callable(found), f"{named}: there is no such test in {file}"


@pytest.mark.pure
def test_a_test_falls_into_the_gap_that_names_it_its_file_its_folder_or_its_fixture() -> None:
    def found(node_id: str, *fixtures: str) -> str | None:
        gap = gaps.gap_of(f"integration_tests/{node_id}", fixtures)
        return gap.name if gap else None

    assert found("shared_stream/test_sharing.py::test_a_story[x]") == "foreign streams"
    assert found("cross_account_copy/test_trust.py::test_a_story") == "permissions"
    assert found("cross_account_copy/test_copying.py::test_a_story", "copy", "faults") == "control API"
    assert found("cross_account_copy/test_copying.py::test_a_story", "copy") is None
    assert found("test_harness.py::test_a_principal_has_exactly_its_permissions") == "permissions"
    assert found("test_harness.py::test_a_principal") is None


@pytest.mark.pure
def test_whoever_asks_the_local_clouds_own_api_is_named() -> None:
    asking = re.compile(r"/_(tributary|ministack)/|\balarms\.later\(")
    for file in set((ROOT / "integration_tests").rglob("test_*.py")) - {Path(__file__)}:
        text, name = file.read_text(), str(file.relative_to(ROOT))
        for part in ast.parse(text).body:
            if asking.search(ast.get_source_segment(text, part) or ""):
                fixtures = [one.arg for one in part.args.args] if isinstance(part, ast.FunctionDef) else []
                gap = gaps.gap_of(f"{name}::{getattr(part, 'name', '')}", fixtures)
                assert gap is not None, f"{name}, line {part.lineno}"
                assert gap.name == "control API", f"{name}, line {part.lineno}"


@pytest.mark.pure
def test_the_docs_name_every_gap_with_its_reason() -> None:
    told = (ROOT / "docs" / "localstack.md").read_text()
    for gap in gaps.GAPS:
        assert f"| {gap.name} | {gap.reason} |" in told
