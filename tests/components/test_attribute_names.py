"""Names of attributes that would collide in a table, told when the stack file is read."""

from __future__ import annotations

from typing import Any

import pytest

from components.cross_account_copy.settings import ADDED_ATTRIBUTES, CLICK_STREAM_KEYS
from components.cross_account_copy.target import KEYS
from components.errors import SettingsError
from components.kinds import KINDS
from components.stack_files import parse
from handlers.cross_account_copier import items

pytestmark = pytest.mark.pure

TARGET = {"kind": "cross-account-copy/target", "writer": {"accountId": "111111111111"}}
REPLICA = {"kind": "table-replica"}


def told(settings: dict[str, Any]) -> str:
    """What the stack file is refused with; nothing when it is not."""
    try:
        parse(KINDS, "Pulumi.test.yaml", {"it": settings})
    except SettingsError as error:
        return str(error)
    return ""


def test_the_names_that_are_refused_are_those_that_the_copier_writes() -> None:
    assert set(ADDED_ATTRIBUTES) == {items.HASH_NAME, items.RANGE_NAME, items.SHARD_NAME}
    assert set(KEYS) == {items.HASH_NAME, items.RANGE_NAME}


@pytest.mark.parametrize("attribute", ADDED_ATTRIBUTES)
def test_an_index_on_what_the_copier_writes_is_refused(attribute: str) -> None:
    found = told({**TARGET, "index": {"attribute": attribute}})
    assert f"its `attribute` is {attribute}, which the copier writes into every item" in found
    assert "tributary:architectures.it.index" in found


def test_an_index_and_a_click_stream_agree_on_the_type_of_an_attribute() -> None:
    for attribute in CLICK_STREAM_KEYS:
        index = {"attribute": attribute}
        assert told({**TARGET, "clickStream": {}, "index": index}) == ""
        assert told({**TARGET, "index": {**index, "attributeType": "N"}}) == ""
        found = told({**TARGET, "clickStream": {}, "index": {**index, "attributeType": "N"}})
        assert f"its `index` wants {attribute} as a number, and its `clickStream` as text" in found


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"sortKey": {"name": "PK", "type": "N"}}, "its `partitionKey` and its `sortKey` are both PK"),
        (
            {"indexes": [{"name": "by_pk", "partitionKey": {"name": "PK", "type": "N"}}]},
            "its index by_pk wants PK of type N, which is a key of type S elsewhere",
        ),
        (
            {
                "indexes": [
                    {"name": "one", "partitionKey": {"name": "kind"}},
                    {"name": "other", "partitionKey": {"name": "kind", "type": "B"}},
                ]
            },
            "its index other wants kind of type B, which is a key of type S elsewhere",
        ),
        (
            {"source": {"timeToLiveAttribute": "GSI_1_PK"}},
            "its source's `timeToLiveAttribute` is GSI_1_PK, a key of type S",
        ),
    ],
)
def test_an_attribute_of_two_types_is_refused(settings: dict[str, Any], said: str) -> None:
    assert said in told({**REPLICA, **settings})


@pytest.mark.parametrize(
    "settings",
    [
        {"sortKey": {"name": "expires", "type": "N"}, "source": {"timeToLiveAttribute": "expires"}},
        {"indexes": [{"name": "one", "partitionKey": {"name": "k"}}, {"name": "two", "partitionKey": {"name": "k"}}]},
        {"partitionKey": {"name": "position"}, "sortKey": {"name": "expires"}, "guarded": True, "indexes": []},
    ],
)
def test_whatever_names_a_table_may_have_are_taken(settings: dict[str, Any]) -> None:
    assert told({**REPLICA, **settings}) == ""
