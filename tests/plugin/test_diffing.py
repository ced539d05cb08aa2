"""A diff says exactly what changed, what AWS can change in place and what takes a new resource."""

from typing import Any

import pytest

from localcloud.plugin.diffing import Change, Kind, compare
from localcloud.plugin.provider import Provider
from localcloud.plugin.resource import ResourceType
from localcloud.plugin.resources import find
from localcloud.plugin.values import UNKNOWN, Archive, Asset

pytestmark = pytest.mark.pure

TABLE = find("aws:dynamodb/table:Table")
ROLE = find("aws:iam/role:Role")
FUNCTION = find("aws:lambda/function:Function")
KEYS = [{"name": "a", "type": "S"}, {"name": "b", "type": "N"}]


def changes(
    resource: ResourceType, old: dict[str, Any], new: dict[str, Any], live: dict[str, Any] | None = None
) -> list[Change]:
    return compare(resource, old, new, live or {})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"attributes": KEYS}, {"attributes": KEYS[::-1]}),
        ({}, {"deletionProtectionEnabled": False}),
        ({"ttl": {"enabled": False}}, {}),
        ({"tags": {}}, {}),
        ({"billingMode": "PROVISIONED"}, {}),
        ({"serverSideEncryption": {"enabled": True, "kmsKeyArn": "k"}}, {"serverSideEncryption": {"enabled": True}}),
        ({"readCapacity": 5}, {}),
        ({"__defaults": ["name"]}, {}),
    ],
)
def test_equal_meaning_is_no_change(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert changes(TABLE, old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"readCapacity": 5}, {"readCapacity": 6}, [Change("readCapacity", Kind.UPDATE, False)]),
        ({"hashKey": "a"}, {"hashKey": "b"}, [Change("hashKey", Kind.UPDATE, True)]),
        ({"hashKey": "a"}, {"hashKey": UNKNOWN}, [Change("hashKey", Kind.UPDATE, True)]),
        ({"tags": {"a": "1", "b": "2"}}, {"tags": {"a": "2", "c": "3"}}, [
            Change("tags.a", Kind.UPDATE, False),
            Change("tags.b", Kind.DELETE, False),
            Change("tags.c", Kind.ADD, False),
        ]),
        ({}, {"ttl": {"enabled": True, "attributeName": "x"}}, [Change("ttl", Kind.ADD, False)]),
        ({"streamEnabled": True}, {}, [Change("streamEnabled", Kind.DELETE, False)]),
        ({"region": "us-east-1"}, {"region": "eu-west-1"}, [Change("region", Kind.UPDATE, True)]),
    ],
)  # fmt: skip
def test_a_change_names_its_property(old: dict[str, Any], new: dict[str, Any], expected: list[Change]) -> None:
    assert changes(TABLE, old, new) == expected


def test_a_property_that_already_has_the_new_value_in_aws_is_no_change() -> None:
    assert changes(TABLE, {}, {"readCapacity": 5}, live={"readCapacity": 5}) == []


def test_policies_are_compared_by_meaning() -> None:
    statement = '{"Effect":"Allow","Action":["a:B","a:C"],"Principal":{"AWS":"111111111111"}}'
    one = {"assumeRolePolicy": f'{{"Statement":[{statement}]}}'}
    same = (
        '{"Statement":{"Action":["a:c","a:b"],"Principal":{"AWS":["arn:aws:iam::111111111111:root"]},"Effect":"Allow"}}'
    )

    assert changes(ROLE, one, {"assumeRolePolicy": same}) == []
    assert changes(ROLE, one, {"assumeRolePolicy": same.replace("Allow", "Deny")}) == [
        Change("assumeRolePolicy", Kind.UPDATE, False)
    ]


def test_code_is_compared_by_its_hash() -> None:
    before = {"code": Archive("assets", {"m.py": Asset("text", "1")}, hash="h1")}

    assert changes(FUNCTION, before, {"code": Archive("hash", "", hash="h1")}) == []
    assert changes(FUNCTION, before, {"code": Archive("hash", "", hash="h2")}) == [Change("code", Kind.UPDATE, False)]


@pytest.mark.parametrize(
    ("before", "after", "delete_first"),
    [
        ({"name": "orders"}, {"name": "orders"}, True),
        ({"name": "orders"}, {"name": "orders-2"}, False),
        ({"name": "orders-1a2b3c4"}, {"name": "orders-5d6e7f8", "__defaults": ["name"]}, False),
    ],
)
def test_a_resource_that_keeps_its_name_is_deleted_before_it_is_replaced(
    before: dict[str, Any], after: dict[str, Any], delete_first: bool
) -> None:
    plan = Provider().diff(TABLE.token, {}, {**before, "hashKey": "a"}, {**after, "hashKey": "b"})

    assert plan.delete_first is delete_first
    assert Change("hashKey", Kind.UPDATE, True) in plan.changes


@pytest.mark.parametrize(
    ("timestamp", "replaced"),
    [
        ("2026-11-22T10:00:00Z", False),
        ("2026-11-22T10:00:00.500Z", True),
        ("2026-11-22T11:00:00+01:00", True),
    ],
)
def test_a_start_that_the_real_plugin_reads_back_in_another_form_replaces_the_mapping(
    timestamp: str, replaced: bool
) -> None:
    inputs = {"startingPosition": "AT_TIMESTAMP", "startingPositionTimestamp": timestamp}
    found = changes(find("aws:lambda/eventSourceMapping:EventSourceMapping"), inputs, inputs)
    assert found == ([Change("startingPositionTimestamp", Kind.UPDATE, True)] if replaced else [])
